package report

import (
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// Limits of a report. What goes beyond is cut, and the forms say so.
const (
	maxText      = journalText // bytes of a text
	journalText  = 1000        // as the journal has it
	maxEvents    = 60          // of a phone or of the rollout: the first and the last ones
	maxRuns      = 100
	maxOverrides = 20 // rules of a phone
	maxGroups    = 50 // rows of a table of groups
	maxSlowest   = 10
	maxNamed     = 10  // phones that a group names
	maxShown     = 300 // bytes of a text in a table of the page, and of the text
	maxShort     = 80  // bytes of a name or version there
)

// bounded cuts a text.
func bounded(text string) string { return cut(text, maxText) }

// cut returns the beginning of a text of at most so many bytes, which says that it was cut.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return secret.Prefix(text, limit-len("...")) + "..."
}

// shown returns a text for people: short and visible.
func shown(text string) string { return cut(display.Visible(cut(text, maxShown)), maxShown) }

// short is shown for names and versions.
func short(text string) string { return cut(display.Visible(cut(text, maxShort)), maxShort) }
