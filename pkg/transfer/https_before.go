package transfer

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// queryExisting asks whether a file of the name is there. This also completes the login before the file goes out.
func (p *httpsPut) queryExisting(ctx context.Context) error {
	if p.access.Username != "" && !p.login.known() {
		p.tell(StepLogin, p.access.Username)
	}
	answer, err := p.head(ctx)
	if err != nil {
		return err
	}
	switch {
	case answer.StatusCode == http.StatusUnauthorized:
		return p.refuse("logging in", answer)
	case p.u.NoOverwrite:
		if err := p.checkAbsent(ctx, answer); err != nil {
			return err
		}
	case statusKind(answer.StatusCode) == KindRedirect && p.redirectsAll(ctx):
		return p.refuse("asking for the file", answer)
	}
	p.before = stateOf(answer)
	_, p.tellsDigest = digestOf(answer.Header)
	if p.before.gone() {
		p.there = false // what an earlier attempt left is not there any more
	}
	return nil // the upload will be told about anything else
}

// checkAbsent returns an error unless no file of the name is there. That HEAD finds none is not enough: IIS says so of each
// file whose type it does not know, and some servers of each HEAD. A server that knows WebDAV says it in answer to PROPFIND
// (RFC 4918, 9.1), and each server in answer to GET.
func (p *httpsPut) checkAbsent(ctx context.Context, answer *httpAnswer) error {
	exists := &Error{Op: "sending", Server: p.address, Kind: KindExists, Err: errors.New("it must not be replaced")}
	unknown := func(answer *httpAnswer) error {
		e := p.refuse("asking for the file", answer)
		e.Err = errors.New("the server does not tell whether a file of this name exists, and none may be replaced")
		return e
	}
	switch {
	case answer.StatusCode == http.StatusOK:
		return exists
	case !isGone(answer.StatusCode):
		return unknown(answer)
	}
	found, err := p.probe(ctx, "PROPFIND", p.location.URL, "Depth", "0")
	if ctx.Err() != nil {
		return p.fail(ctx, "asking for the file", ctx.Err())
	}
	if err == nil && found.StatusCode == http.StatusMultiStatus {
		return exists
	}
	// What else PROPFIND is answered tells nothing: few servers know it, and some cut the connection.
	if found, err = p.probe(ctx, http.MethodGet, p.location.URL, "Range", "bytes=0-0"); err != nil {
		return err
	}
	switch found.StatusCode {
	case http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
		return exists
	}
	if !isGone(found.StatusCode) {
		return unknown(found)
	}
	return nil
}

// probe sends a request with one header field, and does not read the content that it is answered.
func (p *httpsPut) probe(ctx context.Context, method, address, field, value string) (*httpAnswer, error) {
	answer, err := p.do(ctx, "asking for the file", func() (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, method, address, nil)
		if err == nil {
			r.Header.Set(field, value)
		}
		return r, err
	})
	if err == nil {
		_ = answer.Body.Close()
	}
	return answer, err
}

// redirectsAll reports whether the server redirects requests for the folder too: then it is a page for a login, or an address
// that has moved, and not an answer about one file. A redirect that only adds or removes a slash is none.
func (p *httpsPut) redirectsAll(ctx context.Context) bool {
	address := strings.TrimSuffix(p.access.FileURL(""), "/") + "/"
	answer, err := p.probe(ctx, http.MethodGet, address, "Range", "bytes=0-0")
	if err != nil || statusKind(answer.StatusCode) != KindRedirect {
		return false
	}
	folder, err := url.Parse(address)
	if err != nil {
		return false
	}
	to, err := folder.Parse(answer.Header.Get("Location"))
	return err != nil || to.Host != folder.Host || strings.TrimSuffix(to.Path, "/") != strings.TrimSuffix(folder.Path, "/")
}
