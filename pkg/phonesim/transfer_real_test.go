package phonesim_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// fetchFrom fills in a form of the observed shape with a file of a real server.
func (f *filledForm) fetchFrom(s *realservers.Server, folder, name string) *filledForm {
	a := s.Access
	f.set("dl-app-username", a.Username).set("dl-app-password", a.Password.Reveal()).set("dl-app-file", name).set("WEBM-Admin-StartDownload", "1")
	if s.Kind == realservers.Nginx {
		return f.set("dl-app-method", "1").set("dl-app-base-url", a.BaseURL+folder)
	}
	return f.set("dl-app-method", "0").set("dl-app-addr", a.Server).set("dl-app-port", strconv.Itoa(a.Port)).set("dl-app-path", folder)
}

// TestTransferFromRealServers: what a phone's page is told to fetch comes from a real FTP server and a real HTTPS server as well,
// with the login of the form and with that of the stored defaults; a wrong login and a missing file are failures.
func TestTransferFromRealServers(t *testing.T) {
	t.Parallel()
	for _, kind := range []realservers.Kind{realservers.VSFTPD, realservers.Nginx} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			server := realservers.Start(t, kind, realservers.Options{})
			fatal(t, os.Mkdir(filepath.Join(server.Folder, "cp 600"), 0o755))
			image := cpb(t, nil)
			server.Place("cp 600/CP600 ü.img", image)
			folder := "cp 600"
			if kind == realservers.Nginx {
				folder = "cp%20600"
			}
			onSystem(t, func(t *world) {
				for name, test := range map[string]struct {
					change func(*filledForm)
					kind   phonesim.Kind
				}{
					"form":         {func(*filledForm) {}, phonesim.Started},
					"defaults":     {nil, phonesim.Started},
					"wrong login":  {func(f *filledForm) { f.set("dl-app-password", "wrong") }, phonesim.FetchEnded},
					"no login":     {func(f *filledForm) { f.set("dl-app-username", "") }, phonesim.FetchEnded},
					"missing":      {func(f *filledForm) { f.set("dl-app-file", "missing.img") }, phonesim.FetchEnded},
					"other folder": {func(f *filledForm) { f.set("dl-app-path", "x").set("dl-app-base-url", server.Access.BaseURL+"x") }, phonesim.FetchEnded},
				} {
					c := cp600()
					c.Web = "127.0.0.1:0"
					file := "CP600 ü.img"
					c.Defaults = defaultsOf(server, folder)
					p := start(t, c)
					b := visit(t, p)
					b.logIn()
					f := b.transferForm(applicationPage, 0)
					if test.change == nil {
						f.set("dl-app-use-defaults", "true").set("dl-app-file", file).set("WEBM-Admin-StartDownload", "1")
					} else {
						test.change(f.fetchFrom(server, folder, file))
					}
					want := map[bool]string{true: transferDone, false: transferFailed}[test.kind == phonesim.Started]
					if got := result(b.send(f)); got != want {
						t.Errorf("%s: the page says %q", name, got)
					}
					p.await(test.kind)
					if got := p.State(); test.kind == phonesim.Started && (got.Version.String() != "V1 R9.2.0" || got.Bytes != int64(len(image))) {
						t.Errorf("%s: it is %+v", name, got)
					}
					p.silentAbout(server.Access.Password.Reveal())
				}
			})
		})
	}
}

// defaultsOf are the stored defaults of a phone that fetches from a real server.
func defaultsOf(s *realservers.Server, folder string) phonesim.Access {
	a := phonesim.Access{Username: s.Access.Username, Password: s.Access.Password.Reveal()}
	if s.Kind == realservers.Nginx {
		a.HTTPS, a.BaseURL = true, strings.TrimSuffix(s.Access.BaseURL, "/")+"/"+folder+"/"
		return a
	}
	host, port, _ := net.SplitHostPort(net.JoinHostPort(s.Access.Server, strconv.Itoa(s.Access.Port)))
	a.Server, a.Port, a.Path = host, port, folder
	return a
}
