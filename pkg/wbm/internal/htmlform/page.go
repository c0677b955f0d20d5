package htmlform

import (
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"
)

// A Page is what was read of a web page: what a person sees, can follow and can fill in.
type Page struct {
	URL      *url.URL
	Base     *url.URL // what its links are relative to
	Title    string
	Text     string   // what is visible of it, bounded
	Cells    []string // the same, cell by cell; "" where a row begins
	Headings []string
	Links    []Link
	Frames   []string
	Forms    []*Form
	Success  string // text of the first element of class success (observed: sja/openstage-ssh)
	Failure  string // the same of class error (assumed)
	Model    string // the same of class part_4, which holds the model in a banner (observed: main_banner.cmd of OpenStage phones, in nbe95/cowphone)

	Green []string // texts that are green, bounded (observed: captures of an OpenStage page in nbe95/cowphone)
	Red   []string // the same in red

	latin bool // it is ISO-8859-1, and so is what its forms send
}

// A Link is an address that a person can follow. Its Text is what stands on it.
type Link struct{ Href, Text string }

// Limits of a page.
const (
	MaxText     = 256 << 10 // bytes of what is visible of a page
	MaxCells    = 8192
	MaxCell     = 400 // bytes of one cell, heading, label or caption
	MaxLinks    = 2048
	MaxForms    = 256
	MaxControls = 4096

	maxAttributes = 64 // of one tag
	maxColoured   = 64 // texts in a colour
	maxNested     = 16 // elements within one another whose text is gathered
	maxName       = 200
)

// ErrTooLarge is a page that has more of something than the pages of phones have.
var ErrTooLarge = errors.New("more than a page may be")

// Read reads a page. The media type is that of its header; "" is HTML. The error is [ErrTooLarge].
func Read(u *url.URL, mediaType string, body []byte) (*Page, error) {
	text, latin := decode(body, charset(mediaType))
	p := &Page{URL: u, Base: u, latin: latin}
	if err := newReader(p, text).read(); err != nil {
		return nil, err
	}
	return p, nil
}

// ReadText reads plain text as a page that is nothing but text.
func ReadText(u *url.URL, mediaType string, body []byte) *Page {
	text, latin := decode(body, charset(mediaType))
	return &Page{URL: u, Base: u, Text: normalise(text, MaxText), latin: latin}
}

// charset returns the character set that a media type states.
func charset(mediaType string) string {
	_, parameters, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return ""
	}
	return strings.ToLower(parameters["charset"])
}

// decode returns the text of a page: UTF-8, or ISO-8859-1 if the page says so or can be nothing else. That a page which says
// nothing is UTF-8 is assumed.
func decode(body []byte, charset string) (text string, latin bool) {
	if charset == "" { // as browsers, look for a statement in the first kilobyte
		front := strings.ToLower(string(body[:min(len(body), 1024)]))
		if _, rest, found := strings.Cut(front, "charset="); found {
			charset = strings.Trim(rest[:min(len(rest), 12)], "\"' ")
		}
	}
	stated := strings.HasPrefix(charset, "iso-8859-1") || strings.HasPrefix(charset, "latin1") || strings.HasPrefix(charset, "windows-1252")
	if !stated && utf8.Valid(body) {
		return string(body), false
	}
	var b strings.Builder
	b.Grow(len(body))
	for _, c := range body {
		b.WriteRune(rune(c))
	}
	return b.String(), true
}

// Encode returns the bytes that a form on the page sends for a text.
func (p *Page) Encode(text string) string {
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

// takes reports whether a form on the page can send a text as it stands.
func (p *Page) takes(text string) bool {
	return !p.latin || !strings.ContainsFunc(text, func(r rune) bool { return r > 0xFF })
}

// Contains reports whether a text, given in lower case, is visible on any of the pages, in whatever case.
func Contains(pages []*Page, text string) bool {
	for _, p := range pages {
		if strings.Contains(strings.ToLower(p.Text), text) {
			return true
		}
	}
	return false
}
