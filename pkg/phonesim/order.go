package phonesim

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// An order says what the phone has to fetch.
type order struct {
	software  bool // or files such as a logo
	immediate bool
	files     []fetch
	version   string // file-sw-version
	kind      string // file-sw-type
	several   bool   // files of several indexes: no status is drawn (the guide, p. 55)
}

// A fetch says where one file lies. It never prints its login.
type fetch struct {
	url                *url.URL // by HTTPS, or nil
	server, path, name string   // by FTP
	username, password string
	fileType           string
	remove             bool
}

// String returns where the file lies.
func (f fetch) String() string {
	if f.url != nil {
		return f.url.Redacted()
	}
	return "ftp " + f.server + " " + f.path + " " + f.name
}

// Format keeps the password out of every verb.
func (f fetch) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, f.String()) }

func (o *order) String() string {
	var texts []string
	for _, f := range o.files {
		texts = append(texts, f.String())
	}
	return strings.Join(texts, ", ")
}

// newOrder reads a deployment. The order is there with an error too, as far as it was understood.
func newOrder(m *wpi.ServiceMessage) (*order, error) {
	o := &order{software: m.Action == wpi.ActionSoftwareDeployment, immediate: true}
	var indexes []string
	files := map[string]map[string]string{}
	for _, i := range m.Items {
		if files[i.Index] == nil {
			files[i.Index] = map[string]string{}
			indexes = append(indexes, i.Index)
		}
		if _, twice := files[i.Index][i.Name]; twice {
			return o, errors.New("an item is repeated")
		}
		files[i.Index][i.Name] = i.Value
		switch i.Name {
		case "file-priority":
			// Without it, it is immediate (the guide, p. 177). The digit was observed.
			o.immediate = !strings.EqualFold(i.Value, "normal") && i.Value != "0"
		case "file-sw-version":
			o.version = i.Value
		case "file-sw-type":
			o.kind = i.Value
		}
	}
	for _, index := range indexes {
		f, err := newFetch(files[index], o.software)
		if err != nil {
			return o, err
		}
		o.files = append(o.files, f)
	}
	o.several = len(o.files) > 1
	switch {
	case len(o.files) == 0:
		return o, errors.New("it names no file")
	case o.software && (o.several || indexes[0] != ""):
		return o, errors.New("an index is not allowed for software")
	}
	return o, nil
}

func newFetch(items map[string]string, software bool) (fetch, error) {
	f := fetch{
		server: items["file-server"], path: items["file-path"], name: items["file-name"],
		username: items["file-username"], password: items["file-pwd"],
		fileType: items["file-type"], remove: items["file-action"] == "delete",
	}
	base := items["file-https-base-url"]
	switch {
	case software && f.fileType != "APP":
		return f, errors.New("the file type is not APP")
	case f.remove && !software:
		return f, nil
	case base != "" && (f.server != "" || f.name != ""):
		return f, errors.New("it names both a URL and an FTP file")
	case base != "":
		return f, f.takeURL(base)
	case f.server == "" || f.name == "":
		return f, errors.New("it names no file")
	}
	port := items["file-port"]
	if port == "" {
		port = "21"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return f, errors.New("the port is not valid")
	}
	f.server = net.JoinHostPort(strings.Trim(f.server, "[]"), port)
	return f, nil
}

// takeURL takes the whole URL of a file, whatever its item's name says (the guide, p. 53).
func (f *fetch) takeURL(base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("the URL is not an HTTPS URL")
	}
	f.url = u
	return nil
}

// report returns the status message of a file (the guide, p. 54).
func (r *boot) report(o *order, ok bool) *wpi.PhoneMessage {
	c := r.newConversation("")
	file, t := o.files[0], &r.p.traits
	name := file.name
	if file.url != nil {
		name = file.url.Path[strings.LastIndex(file.url.Path, "/")+1:]
	}
	status, opposite := wpi.FileOK, wpi.Failed
	if !ok {
		status, opposite = opposite, status
	}
	if t.word != "" {
		status = t.word
	}
	items := c.basicItems()
	if !t.severalStatus {
		return c.message(wpi.FileStatus, append(items, fileItems("", name, file.fileType, status)...)...)
	}
	items = append(items, fileItems("0", "logo.png", "LOGO", opposite)...)
	items = append(items, fileItems("1", name, file.fileType, status)...)
	return c.message(wpi.FileStatus, append(items, fileItems("2", "old-"+name, file.fileType, opposite)...)...)
}

// fileItems returns what a status message says of one file. With an index there may be several (observed: a service reads them).
func fileItems(index, name, fileType, status string) []wpi.Item {
	now := time.Now()
	return []wpi.Item{
		{Name: "file-deployment-date", Index: index, Value: now.Format("02:01:2006")},
		{Name: "file-deployment-time", Index: index, Value: now.Format("15:04:05")},
		{Name: wpi.ItemFileName, Index: index, Value: name},
		{Name: wpi.ItemFileType, Index: index, Value: fileType},
		{Name: wpi.ItemFileStatus, Index: index, Value: status},
	}
}
