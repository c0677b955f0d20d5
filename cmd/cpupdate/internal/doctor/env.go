package doctor

import (
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
)

// An Env holds the dependencies of doctor: those of a push, because doctor checks the same route, and the environment of
// the process.
type Env struct {
	delivery.Env
	Around Surroundings
	Clock  func() time.Time
}
