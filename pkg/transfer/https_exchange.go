package transfer

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

const (
	maxHeader = 64 << 10 // of an answer
	maxBody   = 64 << 10 // of an answer; the rest is not read

	maxDemands = 4 // for a login, before a request is given up

	wordsLimit = 200 * time.Millisecond // for the body of an answer
)

// An httpAnswer is an answer whose body was read, up to maxBody. Only the body of a GET that succeeded is still to be read,
// and to be closed.
type httpAnswer struct {
	*http.Response
	words string // the server's, bounded, without secrets
}

// do sends one request, with the login that the server wants, and repeats it if the server wants another; remake makes the
// request for each time.
func (s *httpsStore) do(ctx context.Context, op string, remake func() (*http.Request, error)) (*httpAnswer, error) {
	var answer *httpAnswer
	repeated := false
	for demands := 0; demands < maxDemands; demands++ {
		request, err := remake()
		if err != nil {
			return nil, s.fail(ctx, op, err)
		}
		if err := s.login.sign(request); err != nil {
			return nil, &Error{Op: op, Server: s.address, Kind: KindLogin, Err: err}
		}
		var reused bool
		answer, reused, err = s.exchange(ctx, op, request)
		if err != nil {
			if reused && !repeated && isNonsense(err) && !isBegun(request) {
				repeated = true
				demands--
				s.transport.CloseIdleConnections()
				continue
			}
			return nil, s.blameLogin(request, err)
		}
		if answer.StatusCode != http.StatusUnauthorized {
			s.login.accepted()
			return answer, nil
		}
		if !s.login.learn(answer.Header) {
			return answer, nil
		}
	}
	return answer, nil // it demands a login again and again: the last answer counts
}

// isNonsense reports whether an answer could not be understood. As the first one on a connection that was used before, it
// may be the rest of the answer before it.
func isNonsense(err error) bool {
	e := (*Error)(nil)
	return errors.As(err, &e) && e.Kind == KindProtocol
}

// isBegun reports whether any of the request's body was read.
func isBegun(request *http.Request) bool {
	b, _ := request.Body.(*body)
	_, asked := b.sent()
	return asked
}

// blameLogin returns a refusal of the login if the connection was cut when the login came, and none was accepted before:
// some servers refuse that way, and lock out clients that try too often.
func (s *httpsStore) blameLogin(request *http.Request, err error) error {
	e := (*Error)(nil)
	if s.login.proven || request.Header.Get("Authorization") == "" || isBegun(request) || !errors.As(err, &e) || e.Kind != KindBroken {
		return err
	}
	return &Error{Op: "logging in", Server: s.address, Kind: KindLogin, Err: errors.New("the server cut the connection when the login was sent")}
}

// exchange sends a request and reads the answer. It reports whether the connection was used before.
func (s *httpsStore) exchange(ctx context.Context, op string, request *http.Request) (answer *httpAnswer, reused bool, err error) {
	s.tell(StepDialog, "> "+request.Method+" "+request.URL.RequestURI())
	w := newHeadWatch(request.Context(), s)
	response, err := s.client.Do(request.WithContext(w.ctx))
	w.stop()
	if err != nil {
		defer w.cancel(nil)
		return nil, w.reused.Load(), s.fail(w.blame(ctx), op, err)
	}
	status := s.words(response.Status)
	s.tell(StepDialog, "< "+status)
	answer = &httpAnswer{response, strings.TrimSpace(strings.TrimPrefix(status, strconv.Itoa(response.StatusCode)))}
	if request.Method == http.MethodGet && response.StatusCode == http.StatusOK {
		response.Body = &watchedBody{response.Body, w}
		return answer, false, nil
	}
	defer w.cancel(nil)
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return answer, false, nil // what follows is no body
	}
	defer time.AfterFunc(wordsLimit, func() { w.cancel(nil) }).Stop()
	if body, err := io.ReadAll(io.LimitReader(response.Body, maxBody)); err == nil && len(body) > 0 {
		plain := []byte(s.access.scrub(string(body))) // before tags are taken out of a password, or blanks
		if text := s.words(bodyText(response.Header.Get("Content-Type"), plain)); text != "" && text != status {
			answer.words = strings.TrimSpace(answer.words + ": " + secret.Cut(strings.TrimPrefix(text, status+" "), 300))
		}
	}
	return answer, false, nil
}

// bodyText returns what a person would read of an answer's body.
func bodyText(contentType string, body []byte) string {
	kind, _, _ := mime.ParseMediaType(contentType)
	switch {
	case kind == "text/html":
		body = regexp.MustCompile(`(?is)<(style|script)\b.*?</(style|script)>|<[^>]*>`).ReplaceAll(body, []byte(" "))
	case strings.HasPrefix(kind, "text/"), strings.HasSuffix(kind, "json"), strings.HasSuffix(kind, "xml"):
	default:
		return ""
	}
	return strings.ToValidUTF8(string(body), "?")
}
