package settings_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

// TestNoFolder checks that a profile is not said to be missing where the settings cannot be looked for.
func TestNoFolder(t *testing.T) {
	t.Parallel()
	store := &settings.Store{FolderErr: errors.New("HOME is not set")}
	own := (*exit.Error)(nil)
	if _, err := store.Profile("berlin"); !errors.As(err, &own) || own.Code != exit.CodeSettings || !strings.Contains(err.Error(), "HOME is not set") {
		t.Errorf("a profile: %v", err)
	}
	if p, err := store.Profile(""); err != nil || !p.Empty() { // a command with flags alone needs no folder
		t.Errorf("the defaults: %v", err)
	}
}
