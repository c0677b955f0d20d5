package check

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/verdict"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

// validateJUnit refuses to replace what is read with the JUnit file.
func (o *Options) validateJUnit(image string) error {
	for _, read := range []string{image, o.Phones.List, o.Hardware} {
		if o.JUnit != "" && read != "" && atomicfile.SameFile(o.JUnit, read) {
			return exit.Usage("check", "--junit would replace %s: name another file", exit.ShownArgument(read))
		}
	}
	return nil
}

// removeJUnit removes the JUnit file of an earlier run: a run without an answer leaves none.
func (o *Options) removeJUnit() error {
	if o.JUnit == "" {
		return nil
	}
	if err := atomicfile.CheckOutput(o.JUnit, true); err != nil {
		return err
	}
	return atomicfile.CannotWrite(o.JUnit, atomicfile.IgnoreMissing(os.Remove(o.JUnit)))
}

// writeJUnit writes the fit matrix as JUnit: a test case for each phone, and one for each image that cannot be used.
func (o *Options) writeJUnit(ctx context.Context, name string, loaded []*images.Image, phones []hwcheck.ListedPhone, silent map[string]fleet.Result, policy hwcheck.Policy) error {
	if o.JUnit == "" {
		return nil
	}
	doc, err := verdict.NewMatrixDoc(ctx, loaded, nil, phones, policy)
	if err != nil {
		return err
	}
	var files []string
	var cases []report.Case
	for _, im := range doc.Images {
		files = append(files, im.File)
		if im.Error != nil {
			cases = append(cases, report.Case{Name: im.File, Error: im.Error.Message, Text: strings.Join(im.Error.Hints, "\n")})
		}
	}
	for _, row := range doc.Phones {
		c := report.Case{Name: row.Name}
		if row.Note != "" {
			c.Name += " (" + row.Note + ")"
		}
		var reasons []string
		for _, cell := range row.Cells {
			for _, f := range cell.Findings {
				if f.Outcome != hwcheck.Overridden {
					reasons = append(reasons, fmt.Sprintf("%s: %s: %s: %s\nnext: %s", cell.File, f.Rule, f.Outcome, f.Reason, f.Advice))
				}
			}
		}
		c.Text = strings.Join(reasons, "\n")
		r, noAnswer := silent[row.Address]
		switch {
		case row.Answer == hwcheck.Compatible:
		case len(row.Cells) == 0:
			c.Error = "no image can be used"
		case noAnswer:
			c.Error = r.Failure.Error()
		case row.Answer == hwcheck.CannotTell:
			c.Error = "whether an image fits cannot be determined"
		default:
			c.Failure = "no image fits"
		}
		cases = append(cases, c)
	}
	return atomicfile.Write(o.JUnit, true, func(w io.Writer) error {
		return report.WriteCases(w, "check "+images.DisplayName(name), time.Now(), files, cases)
	}, nil)
}
