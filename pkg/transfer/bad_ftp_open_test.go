package transfer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestDataConnection: a data connection that cannot be opened is told from a transfer that fails.
func TestDataConnection(t *testing.T) {
	t.Parallel()
	wants := map[string]bool{
		"both-ports-closed": true, "both-ports-blocked": true, "pasv-refused-too": true, "pasv-garbage": true, "stor-425": true,
		"stor-550": false, "cwd-550": false, "pass-530": false, "data-reset-at-once": false, "complete-552": false,
	}
	for _, row := range badserver.FTPRows() {
		want, known := wants[row.Name]
		if !known {
			continue
		}
		delete(wants, row.Name)
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			s := row.Start(t)
			o := transfer.Options{Trust: s.Trust(), Timeout: time.Minute}
			if row.Silent {
				o.Timeout = workingLimit
			}
			store, err := transfer.Dial(t.Context(), s.Access(), o)
			if err == nil {
				defer store.Close()
				err = store.Try(t.Context())
			}
			e := (*transfer.Error)(nil)
			if !errors.As(err, &e) || e.Data != want {
				t.Errorf("%v, of the data connection: %v, want %v", err, !want, want)
			}
		})
	}
	for name := range wants {
		t.Errorf("no server is called %s", name)
	}
}
