package doctor

import (
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/push"
)

// An Env is what doctor is handed: what a push is handed, since doctor goes the same way, and what surrounds the process.
type Env struct {
	push.Env
	Around Surroundings
	Clock  func() time.Time
}
