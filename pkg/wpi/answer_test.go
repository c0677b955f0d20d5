package wpi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A limited connection knows how often the time for writing was set.
type limited struct {
	*httptest.ResponseRecorder
	set int
}

func (l *limited) SetWriteDeadline(time.Time) error { l.set++; return nil }

// TestTimeToWrite: net/http may write before the service does, to ask for the body, and the limit of the message before
// may be over by then.
func TestTimeToWrite(t *testing.T) {
	t.Parallel()
	w := &limited{ResponseRecorder: httptest.NewRecorder()}
	atBody, text := 0, strings.NewReader(message("N", "solicited", ""))
	body := readerFunc(func(p []byte) (int, error) { atBody = w.set; return text.Read(p) })
	counting(0, 0).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, wpi.ServicePath, body))
	if w.Code != http.StatusOK || atBody != 1 || w.set != 2 {
		t.Errorf("got %d, set %d times, %d before the body", w.Code, w.set, atBody)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestNotAnswered: an answerer that says nothing, and one that takes too long.
func TestNotAnswered(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(ctx context.Context) error{
		"says nothing":   func(context.Context) error { return wpi.ErrNotAnswered },
		"fails":          func(context.Context) error { return errors.New("canary") },
		"takes too long": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		var sessions []*wpi.Session
		address := start(t, wpi.ServiceOptions{
			Timeout: 2 * time.Second,
			Answer: func(ctx context.Context, c wpi.Call) (wpi.ServiceMessage, error) {
				sessions = append(sessions, c.Session)
				return wpi.CleanUp(), answer(ctx)
			},
			Written: func(wpi.Call, wpi.ServiceMessage, error) { t.Error("nothing was written") },
		})
		for range 2 {
			l := dial(t, address, nil).post(message("N", "reply-to", ""))
			if head, _ := l.answer(); head != "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" || !l.ended() {
				t.Errorf("%s: got %q", name, head)
			}
		}
		if len(sessions) != 2 || sessions[0] == sessions[1] {
			t.Errorf("%s: the session goes on", name)
		}
	}
}

// A brokenWriter is a connection that is gone.
type brokenWriter struct{ *httptest.ResponseRecorder }

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestNotWritten(t *testing.T) {
	t.Parallel()
	var told error
	s := wpi.NewService(wpi.ServiceOptions{
		Answer:  func(context.Context, wpi.Call) (wpi.ServiceMessage, error) { return wpi.CleanUp(), nil },
		Written: func(_ wpi.Call, _ wpi.ServiceMessage, err error) { told = err },
	})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, wpi.ServicePath, strings.NewReader(message("N", "solicited", "")))
	s.ServeHTTP(brokenWriter{httptest.NewRecorder()}, r)
	if told == nil || told.Error() != "gone" {
		t.Errorf("told %v", told)
	}
}
