package advice

import (
	"strings"
	"testing"
)

// lacking is an error about files that this machine lacks.
type lacking struct{}

func (lacking) Error() string { return "too many open files" }
func (lacking) Lacks() string { return "files" }

// TestFilesHint checks that the hint names a limit only where a shell can raise it.
func TestFilesHint(t *testing.T) {
	for system, want := range map[string]bool{"linux": true, "darwin": true, "windows": false} {
		if got := machineHint(lacking{}, system); strings.Contains(got, "ulimit") != want || !strings.Contains(got, "lower --parallel") {
			t.Errorf("%s: %s", system, got)
		}
	}
}
