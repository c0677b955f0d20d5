package rollout_test

import (
	"testing"

	"github.com/cpupdate/cpupdate/internal/suite"
)

func TestMain(m *testing.M) {
	suite.CollectRarely() // that took half of the time of the simulations
	m.Run()
}
