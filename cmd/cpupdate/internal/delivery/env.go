package delivery

import (
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

// Env is what a command that brings images to phones uses of the process: streams, stored settings, passwords and keys, files and
// the network.
type Env struct {
	Console    *console.Console
	Settings   *settings.Store
	Passwords  *credentials.Store
	KnownHosts *knownhosts.Store
	Journal    *record.Store
	Open       images.OpenFunc
	Dial       option.DialFunc
	Version    string // of cpupdate
}
