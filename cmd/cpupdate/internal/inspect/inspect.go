// Package inspect shows images: what they say of themselves, and whether they are intact.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

// Options are the flags of inspect.
type Options struct {
	Image         images.Options
	Bytes, SHA256 bool
}

// Run shows the images that the arguments name, and returns an error if one of them cannot be used.
func Run(ctx context.Context, con *console.Console, store *settings.Store, open images.OpenFunc, o Options, args []string) error {
	if err := onceStdin("inspect", args); err != nil {
		return err
	}
	if o.SHA256 && o.Image.HeaderOnly {
		return exit.Usage("inspect", "--sha256 and --header-only: choose one; --sha256 reads the whole image")
	}
	l, err := images.NewLoader(ctx, con, store, open, o.Image)
	if err != nil {
		return err
	}
	l.SHA256 = o.SHA256
	all, err := images.Targets(args)
	if err != nil {
		return err
	}
	doc := images.InspectDoc{Schema: 1, Images: []images.Doc{}, PassedOver: []images.PassedOver{}}
	var bad []*images.Image
	shown := 0
	passed, loadErr := l.LoadAll(ctx, all, func(im *images.Image) error {
		if im.Err != nil {
			bad = append(bad, im)
		}
		doc.Images = append(doc.Images, im.Doc())
		if len(all) == 1 && !im.Readable {
			return nil // the error says everything
		}
		shown++
		return con.Part(func(w io.Writer) {
			if shown > 1 {
				fmt.Fprintln(w)
			}
			images.Text(w, con, im, o.Bytes)
		})
	})
	if errors.Is(loadErr, context.Canceled) {
		return loadErr
	}
	doc.PassedOver = append(doc.PassedOver, passed...)
	if err := con.Print(doc, nil); err != nil {
		return err
	}
	if loadErr != nil {
		return loadErr
	}
	return images.BadImages(bad, len(all)-len(passed))
}

// onceStdin rejects arguments that name standard input more than once.
func onceStdin(command string, args []string) error {
	count := 0
	for _, arg := range args {
		if arg == "-" {
			count++
		}
	}
	if count > 1 {
		return exit.Usage(command, "standard input (-) is named %d times, but can be read only once", count)
	}
	return nil
}
