package phonesim

import (
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
)

// An Upload is the shape of a request with a form for the phone application: what a browser sends for a form can be compared
// with it.
type Upload struct {
	Method, Path    string // with the query
	ContentType     string
	Referer, Origin string // "" if they were not stated
	Length          int64  // of the body as it was stated; -1 if it was not
	Parts           []Part // in their order; what did not come whole is there too
}

// A Part is a field of a form.
type Part struct {
	Name        string
	HasFileName bool
	FileName    string // as it was sent, up to 256 bytes
	ContentType string // "" if none was stated
	Length      int64  // of its value in bytes
	Value       string // of a field that is no file and no password; "" if it is longer than 256 bytes
	Encoded     string // the same with its name, as a transfer form sends it
}

const maxShown = 256 // bytes of a field

func newUpload(request *http.Request) *Upload {
	return &Upload{
		Method: request.Method, Path: shown(request.URL.RequestURI()), Length: request.ContentLength,
		ContentType: shown(request.Header.Get("Content-Type")), Referer: shown(request.Header.Get("Referer")), Origin: shown(request.Header.Get("Origin")),
	}
}

// part adds a part.
func (u *Upload) part(part *multipart.Part) *Part {
	_, parameters, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	name, hasName := parameters["filename"]
	u.Parts = append(u.Parts, Part{
		Name: shown(parameters["name"]), HasFileName: hasName, FileName: shown(name), ContentType: shown(part.Header.Get("Content-Type")),
	})
	return &u.Parts[len(u.Parts)-1]
}

// set records the value of a field.
func (p *Part) set(value string) {
	p.Length = int64(len(value))
	if len(value) <= maxShown && !strings.Contains(p.Name, "password") {
		p.Value = value
	}
}

// copy returns what may leave the package.
func (u *Upload) copy() *Upload {
	c := *u
	c.Parts = slices.Clone(u.Parts)
	return &c
}

func shown(text string) string { return text[:min(len(text), maxShown)] }
