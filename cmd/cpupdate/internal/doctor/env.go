package doctor

import (
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/push"
)

// An Env holds the dependencies of doctor: those of a push, because doctor checks the same route, and the environment of
// the process.
type Env struct {
	push.Env
	Around Surroundings
	Clock  func() time.Time
}
