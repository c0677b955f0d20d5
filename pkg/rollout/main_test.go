package rollout_test

import (
	"runtime/debug"
	"testing"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // the simulations allocate much and keep little: collecting it took half of the time
	m.Run()
}
