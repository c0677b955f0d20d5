package knownhosts

import (
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

// A Store holds the known keys of servers and phones.
type Store struct {
	Console  *console.Console
	Settings *settings.Store
}
