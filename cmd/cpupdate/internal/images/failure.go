package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// Failure turns what package bind says of the image called name into an error with the next step.
func Failure(name string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	wrapped := fmt.Errorf("%s: %w", DisplayName(name), err)
	if format := (*bind.FormatError)(nil); errors.As(err, &format) {
		return exit.New(exit.CodeImage, wrapped, problemHint(format))
	}
	hint := "check that the file can be read, and its medium"
	untrusted := (*untrustedError)(nil)
	switch kind := (*bind.NotRegularError)(nil); {
	case errors.As(err, &untrusted):
		hint = "use an image signed by a trusted key; trusted are the keys of --trusted-key and of the folder trusted-keys in the settings"
	case errors.Is(err, errEmptyFolder):
		hint = "name a folder that holds images"
	case errors.Is(err, bind.ErrNotBind):
		hint = "if it is an image for a phone, state what it is with: cpupdate describe IMAGE"
	case errors.Is(err, bind.ErrEmpty):
		hint = "get the image again: nothing of it arrived"
	case errors.Is(err, errTerminal):
		hint = "redirect an image into it: cpupdate inspect - < IMAGE"
	case errors.As(err, &kind):
		hint = "name a file; to read a stream, use - and redirect standard input"
	case errors.Is(err, fs.ErrNotExist):
		hint = "check the name and the folder"
	}
	return exit.New(exit.CodeImage, wrapped, hint)
}

// errEmptyFolder is a folder without any file.
var errEmptyFolder = errors.New("the folder is empty")

// problemHint says what to do about a damaged or disagreeing image.
func problemHint(err *bind.FormatError) string {
	switch err.Problem {
	case bind.ASCIIMode:
		return "get the image again in binary mode (in ftp: the command binary, before get)"
	case bind.Malformed:
		if err.Format == bind.Descriptor {
			return "mend the descriptor, or write it anew with: cpupdate describe --force IMAGE"
		}
		return "the image was built wrongly: report field and offset to whoever built it"
	case bind.Unsupported:
		return "use a newer cpupdate, or an image built for this one"
	case bind.Disagrees:
		return "find out which of the two is right; do not send this image before they agree"
	case bind.Changed:
		return "wait until whatever writes the file is done, then try again"
	case bind.Damaged:
	}
	return "get the image again in binary mode, and compare its size and SHA-256 with its source"
}
