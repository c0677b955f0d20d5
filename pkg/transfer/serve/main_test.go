package serve_test

import (
	"testing"

	"github.com/cpupdate/cpupdate/internal/suite"
)

func TestMain(m *testing.M) {
	suite.SideBySide(4)
	m.Run()
}
