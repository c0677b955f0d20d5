package transfer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestServersHidden has ProFTPDs that deny that there is a file: one that the user may not read (HideNoAccess), and one of a hidden
// name (HideFiles). Renaming and writing would tell, and they refuse it: the file stays, nothing else is left, and the error is
// that the user may not.
func TestServersHidden(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string]string{"access": "HideNoAccess on", "name": `HideFiles \.bind$`} {
		for how, change := range map[string]func(*transfer.Upload){
			"push":                   func(*transfer.Upload) {},
			"no overwrite":           func(u *transfer.Upload) { u.NoOverwrite = true },
			"in place":               func(u *transfer.Upload) { u.InPlace = true },
			"in place, no overwrite": func(u *transfer.Upload) { u.InPlace, u.NoOverwrite = true, true },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				s := model{realservers.ProFTPD, false}.start(t, realservers.Options{
					Lines: []string{"<Directory />", hide, "<Limit ALL>", "IgnoreHidden on", "</Limit>", "</Directory>"},
				})
				old := content(11)
				s.place(t, old)
				path := filepath.Join(s.folder, "cp600.bind")
				if err := os.Chown(path, 0, 0); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, 0o600); err != nil {
					t.Fatal(err)
				}
				u := upload(content(1000))
				change(&u)
				got := s.put(t, transfer.Options{}, u)
				s.holds(t, only(old))
				got.fails(t, transfer.KindDenied)
				if strings.Contains(got.events.String(), "DELE cp600.bind\"") {
					t.Error(got.events)
				}
			})
		}
	}
}
