package defaults

import (
	"context"
	"fmt"
	"io"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

// movedDoc is the answer of move-passwords.
type movedDoc struct {
	Schema int      `json:"schema"`
	Moved  []string `json:"moved"` // "" is the defaults
}

// MovePasswords moves every password of the file into the system's keyring and prints whose have moved, also when it ends
// early.
func MovePasswords(ctx context.Context, con *console.Console, pass *credentials.Store) error {
	moved, err := pass.MoveToKeyring(ctx)
	if err != nil && len(moved) == 0 {
		return err
	}
	doc := movedDoc{1, append([]string{}, moved...)}
	printErr := con.Print(doc, func(w io.Writer) {
		if len(moved) == 0 {
			fmt.Fprintln(w, "no password is stored in the file")
		}
		for _, name := range moved {
			fmt.Fprintf(w, "%s: the password is in the system's keyring\n", console.Escape(settings.ProfileTitle(name)))
		}
	})
	if err != nil {
		return err
	}
	return printErr
}
