package verdict

import (
	"fmt"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// Error turns a verdict into the error that ends the command, or nil.
func Error(name string, v hwcheck.Verdict) error {
	outcome, c, words := hwcheck.Fail, exit.CodeRefused, name+" is not compatible"
	switch v.Answer {
	case hwcheck.Compatible:
		return nil
	case hwcheck.CannotTell:
		outcome, c, words = hwcheck.Unknown, exit.CodeUnknown, "whether "+name+" is compatible cannot be determined"
	case hwcheck.NotCompatible:
	}
	var rules string
	var hints []string
	for _, f := range v.Findings {
		if f.Outcome == outcome {
			rules += ", " + string(f.Rule)
			hints = append(hints, advice(f))
		}
	}
	return exit.New(c, fmt.Errorf("%s: %s", words, rules[2:]), hints...)
}
