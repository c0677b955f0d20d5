// Package credentials finds passwords and keeps them: where one comes from (a flag, the environment, the store, a prompt), and
// where it is stored (the system's keyring, or a file beside the settings).
package credentials

import (
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// A Store keeps passwords: in the system's keyring or in a file beside the settings.
type Store struct {
	Console  *console.Console
	Settings *settings.Store

	Variable       secret.Secret // $CPUPDATE_PASSWORD
	Keyring        Keyring       // the system's keyring; nil if there is none
	KeyringSetting string        // $CPUPDATE_KEYRING
	KeyringLimit   time.Duration // how long to wait for the keyring; 0 for the default
}
