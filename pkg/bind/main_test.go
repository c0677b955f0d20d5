package bind_test

import (
	"testing"

	"github.com/cpupdate/cpupdate/internal/suite"
)

func TestMain(m *testing.M) {
	suite.CollectRarely() // that took a third of the time
	m.Run()
}
