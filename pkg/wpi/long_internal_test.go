package wpi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestLongMessages: while as many long messages as may are being understood another waits, and short ones do not. One that
// waits for too long is answered with the end of the conversation, if its first bytes hold the nonce.
func TestLongMessages(t *testing.T) {
	t.Parallel()
	s := NewService(ServiceOptions{Timeout: 20 * time.Millisecond})
	const short = "<WorkpointMessage><Message><ReasonForContact>solicited</ReasonForContact></Message></WorkpointMessage>"
	long := short + strings.Repeat(" ", maxShort)
	nonce := ""
	status := func(text string) int {
		_, _, failure := s.read(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, ServicePath, strings.NewReader(text)))
		if failure == nil {
			return http.StatusOK
		}
		nonce = failure.nonce
		return failure.Status
	}
	for range 2 * maxLong {
		if got := status(long); got != http.StatusOK {
			t.Fatalf("with room: %d", got)
		}
	}
	for range maxLong {
		s.long <- struct{}{}
	}
	if got := status(strings.Repeat(" ", maxShort) + short); got != http.StatusServiceUnavailable {
		t.Errorf("without room, and without a nonce: %d", got)
	}
	if got := status(strings.Replace(long, "<Message", `<Message nonce="N1"`, 1)); got != http.StatusOK || nonce != "N1" {
		t.Errorf("without room: %d, nonce %q", got, nonce)
	}
	if got := status(short); got != http.StatusOK {
		t.Errorf("a short one: %d", got)
	}
}

// FuzzNonce: the nonce of a message that is not read is the one that reading it gives.
func FuzzNonce(f *testing.F) {
	const rest = "><ReasonForContact>solicited</ReasonForContact></Message></WorkpointMessage>"
	f.Add(`<WorkpointMessage><Message nonce="N"` + rest)
	f.Add(`<Signature><Object><WorkpointMessage><Message maxItems="1" nonce=" &#65;"` + rest + "</Object></Signature>")
	f.Add(`<?xml version="1.0" encoding="iso-8859-1"?><WorkpointMessage><Message nonce='` + "\xe4'" + rest)
	f.Add("<DLSMessage/>")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParsePhoneMessage([]byte(text))
		if err != nil || len(text) > 4<<10 {
			return
		}
		if nonce, ok := nonceOf([]byte(text)); !ok || nonce != m.Nonce {
			t.Fatalf("got %q, %v, want %q", nonce, ok, m.Nonce)
		}
	})
}
