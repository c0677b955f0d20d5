package jetstream_test

import (
	"testing"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

func TestConforms(t *testing.T) {
	journaltest.Conform(t, func(t *testing.T) (one, other journal.Ledger) {
		o := jetstream.Options{URL: start(t).ClientURL()}
		return open(t, o), open(t, o)
	})
}
