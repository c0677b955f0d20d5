package advice

import (
	"fmt"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// imageFailure returns the error that ends a run with several phones because the image changed, or could not be read any
// more. It says which phones are not updated, and which may be.
func imageFailure(plan fleet.Plan, in Context, results []fleet.Result, cause error) error {
	var without, with []string
	for i, r := range results {
		name := plan.Phones[i].Address
		switch {
		case r.Failure == nil:
		case r.Failure.Kind != fleet.KindImage:
			without = append(without, fmt.Sprintf("%s (%s)", name, Word(r.Failure.Kind)))
		case r.Instructed && !r.Failure.Keeps:
			with = append(with, name)
		case r.Instructed || r.Upload.Sent > 0:
			without = append(without, name+" (cut off)")
		default:
			without = append(without, name+" (not instructed)")
		}
	}
	text := "the run was stopped"
	if len(without) > 0 {
		text += fmt.Sprintf("; %d of %s %s not updated: %s", len(without), display.Plural(len(results), "phone"), console.IsAre(len(without)), ShortList(without))
	}
	hints := []string{"wait until the program that writes the image has finished, check the image, then run the command again"}
	if len(with) > 0 {
		text += "; may still update, because they got the whole image as it was verified: " + ShortList(with)
		hints = append(hints, "query which version they run: "+queryAgain(plan, in, results))
	}
	return exit.New(exit.CodeImage, fmt.Errorf("%s: %w; %s", images.DisplayName(in.Image), cause, text), hints...)
}
