package live_test

import (
	"testing"

	"github.com/cpupdate/cpupdate/internal/suite"
)

func TestMain(m *testing.M) {
	suite.SideBySide(4) // browsers wait for the next state of the page, which comes once a second
	m.Run()
}
