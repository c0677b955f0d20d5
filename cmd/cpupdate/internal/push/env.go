package push

import (
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

// An Env is what a push is handed: where it reads and writes, what is stored on this machine, and how images and connections are
// opened.
type Env struct {
	Con        *console.Console
	Settings   *settings.Store
	Passwords  *credentials.Store
	KnownHosts *knownhosts.Store
	Open       images.OpenFunc
	Dial       option.DialFunc
}
