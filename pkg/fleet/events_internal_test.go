package fleet

import (
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// TestHideOf checks that what one phone is given is removed from what that phone says, beside what no phone may repeat.
func TestHideOf(t *testing.T) {
	t.Parallel()
	var told []string
	r := newEvents(func(e Event) { told = append(told, e.Text) })
	r.hide(secret.New("server-password"))
	r.hide(secret.New("page-password"))
	r.hideOf(1, secret.New("file-password"))
	for number := range 2 {
		r.report(Event{Phone: number, Text: "page-password file-password server-password"})
	}
	if got := strings.Join(told, "|"); got != "[redacted] file-password [redacted]|[redacted] [redacted] [redacted]" {
		t.Error(got)
	}
	if got := r.redactOf(1).cut("file-password"); got != "file-password" {
		t.Errorf("decisions are made with %s", got)
	}
}
