package wbm

import (
	"fmt"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"
)

// A page is what was read of a web page: what somebody sees, can follow and can fill in.
type page struct {
	url      *url.URL
	base     *url.URL // what its links start from
	status   int
	latin    bool // it is ISO-8859-1, and so is what its forms send
	title    string
	text     string   // what is seen of it, bounded
	runs     []string // the same, cell by cell; "" where a row begins
	headings []string
	links    []link
	frames   []string
	forms    []*form
	good     string // what the first element of class success says (observed: sja/openstage-ssh)
	bad      string // the same of class error (assumed)
}

// A link is something to follow.
type link struct{ href, text string }

const (
	maxText     = 256 << 10 // of what is seen of a page
	maxRuns     = 8192
	maxRun      = 400
	maxLinks    = 2048
	maxForms    = 256
	maxControls = 4096
	maxSinks    = 16
)

// readPage reads a page. It fails if there is more in it than in any page of a phone.
func readPage(a *answer) (*page, error) {
	text, latin := decode(a.body, charset(a.header.Get("Content-Type")))
	p := &page{url: a.url, base: a.url, status: a.status, latin: latin}
	return p, newReader(p, text).read()
}

// charset is the character set that a media type states.
func charset(contentType string) string {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return strings.ToLower(parameters["charset"])
}

// decode makes text of a page: UTF-8, or ISO-8859-1 if it says so or cannot be anything else. That a page which says
// nothing is UTF-8 is assumed.
func decode(body []byte, charset string) (text string, latin bool) {
	if charset == "" { // it may say so itself, in its first kilobyte, as browsers look
		front := strings.ToLower(string(body[:min(len(body), 1024)]))
		if _, rest, found := strings.Cut(front, "charset="); found {
			charset = strings.Trim(rest[:min(len(rest), 12)], "\"' ")
		}
	}
	says := strings.HasPrefix(charset, "iso-8859-1") || strings.HasPrefix(charset, "latin1") || strings.HasPrefix(charset, "windows-1252")
	if !says && utf8.Valid(body) {
		return string(body), false
	}
	var b strings.Builder
	b.Grow(len(body))
	for _, c := range body {
		b.WriteRune(rune(c))
	}
	return b.String(), true
}

// encode makes of text the bytes that a form on the page sends.
func (p *page) encode(text string) string {
	if !p.latin {
		return text
	}
	b := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xFF {
			b = fmt.Appendf(b, "&#%d;", r) // as browsers do
			continue
		}
		b = append(b, byte(r))
	}
	return string(b)
}

// contains reports whether somebody sees a text on any of the pages, in whatever capitals.
func contains(pages []*page, text string) bool {
	for _, p := range pages {
		if strings.Contains(strings.ToLower(p.text), text) {
			return true
		}
	}
	return false
}
