package main

import (
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// TestNoSettingsFolder checks that a system without a settings folder has no settings, and can store none.
func TestNoSettingsFolder(t *testing.T) {
	a, out, errOut := testApp(t, nil)
	a.store.Folder = ""
	if c := run(t.Context(), a, []string{"defaults", "show"}); c != exit.CodeOK || !strings.Contains(out.String(), "has no settings folder") {
		t.Errorf("exit code %d\n%s%s", c, out, errOut)
	}
	if c := run(t.Context(), a, []string{"defaults", "set", "--server", "x"}); c != exit.CodeSettings {
		t.Errorf("exit code %d\n%s", c, errOut)
	}
}
