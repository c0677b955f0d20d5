package check

import (
	"context"
	"io"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/verdict"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// checkMany prints the fit matrix; silent has the phones that did not answer, by address.
func (o *Options) checkMany(ctx context.Context, con *console.Console, l *images.Loader, name string, all []images.Target, phones []hwcheck.ListedPhone, silent map[string]fleet.Result, policy hwcheck.Policy) error {
	var loaded, bad []*images.Image
	passed, err := l.LoadAll(ctx, all, func(im *images.Image) error {
		loaded = append(loaded, im)
		if im.Err != nil {
			bad = append(bad, im)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := o.writeJUnit(ctx, name, loaded, phones, silent, policy); err != nil {
		return err
	}
	doc, err := verdict.NewMatrixDoc(ctx, loaded, passed, phones, policy)
	if err != nil {
		return err
	}
	for i := range doc.Phones {
		row := &doc.Phones[i]
		if r, ok := silent[row.Address]; ok {
			f := advice.PhoneFailure(row.Address, advice.Context{}, r)
			f.Hints = con.Flags.Fit(f.Hints)
			row.Error, row.Why = exit.NewErrorDoc(f), r.Failure.Error()
		}
	}
	if err := con.Print(doc, func(w io.Writer) { verdict.MatrixText(w, con, loaded, doc) }); err != nil {
		return err
	}
	if len(bad) > 0 {
		return images.BadImages(bad, len(loaded))
	}
	return doc.Failure()
}
