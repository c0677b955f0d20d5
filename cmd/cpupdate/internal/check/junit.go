package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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
	if err := checkXML(o.JUnit); err != nil {
		return err
	}
	return atomicfile.CannotWrite(o.JUnit, atomicfile.IgnoreMissing(os.Remove(o.JUnit)))
}

// checkXML refuses a file that is there and is not XML: a flag with the wrong name must not cost somebody's image or key.
func checkXML(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return atomicfile.CannotWrite(name, atomicfile.IgnoreMissing(err))
	}
	defer f.Close()
	begin := make([]byte, len("<?xml"))
	n, err := io.ReadFull(f, begin)
	switch {
	case err == io.EOF, string(begin[:n]) == "<?xml": //nolint:errorlint // ReadFull returns it as it is
		return nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return atomicfile.CannotWrite(name, err)
	}
	return exit.Usage("check", "--junit would replace %s, which is not XML: name another file", exit.ShownArgument(name))
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
			cases = append(cases, report.Case{Name: im.File, Error: im.Error.Message, Lines: im.Error.Hints})
		}
	}
	for _, row := range doc.Phones {
		c := report.Case{Name: row.Name}
		if row.Note != "" {
			c.Name += " (" + row.Note + ")"
		}
		for _, cell := range row.Cells {
			for _, f := range cell.Findings {
				if f.Outcome != hwcheck.Overridden {
					c.Lines = append(c.Lines, fmt.Sprintf("%s: %s: %s: %s", cell.File, f.Rule, f.Outcome, f.Reason), "next: "+f.Advice)
				}
			}
		}
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
