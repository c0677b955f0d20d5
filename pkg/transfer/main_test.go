package transfer_test

import (
	"io"
	"log"
	"testing"

	"github.com/cpupdate/cpupdate/internal/suite"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http logs there what a server sends unasked, as bad servers do
	suite.SideBySide(8)
	suite.CollectRarely()
	m.Run()
}
