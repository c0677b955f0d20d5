package wpi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestLongMessages: while as many long messages as may are being understood another waits, and short ones do not.
func TestLongMessages(t *testing.T) {
	t.Parallel()
	s := NewService(ServiceOptions{Timeout: 20 * time.Millisecond})
	const short = "<WorkpointMessage><Message><ReasonForContact>solicited</ReasonForContact></Message></WorkpointMessage>"
	long := short + strings.Repeat(" ", maxShort)
	status := func(text string) int {
		_, _, failure := s.read(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, ServicePath, strings.NewReader(text)))
		if failure == nil {
			return http.StatusOK
		}
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
	if got := status(long); got != http.StatusServiceUnavailable {
		t.Errorf("without room: %d", got)
	}
	if got := status(short); got != http.StatusOK {
		t.Errorf("a short one: %d", got)
	}
}
