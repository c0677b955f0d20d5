package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// Failure turns an error of package bind about the image called name into a failure with a hint.
func Failure(name string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	format := (*bind.FormatError)(nil)
	if errors.As(err, &format) && format.Problem == bind.Changed {
		err = format // it says where: the sentence of whoever was reading adds nothing
	}
	wrapped := fmt.Errorf("%s: %w", DisplayName(name), err)
	if format != nil {
		return exit.New(exit.CodeImage, wrapped, problemHint(format))
	}
	hint := readHint(runtime.GOOS, name, err)
	untrusted, foreign, described := (*untrustedError)(nil), (*bind.ForeignError)(nil), (*foreignError)(nil)
	switch kind := (*bind.NotRegularError)(nil); {
	case errors.As(err, &untrusted):
		hint = "use an image that is signed by a trusted key: one of --trusted-key, or one in the folder trusted-keys in the settings"
	case errors.Is(err, errEmptyFolder):
		hint = "name a folder that contains images"
	case errors.As(err, &foreign):
		hint = contentHint(foreign.Content, "describe it with: cpupdate describe --allow-foreign IMAGE")
	case errors.As(err, &described):
		hint = contentHint(described.content, "add --allow-foreign")
	case errors.Is(err, bind.ErrNotBind):
		hint = "if it is an image for a phone, describe it with: cpupdate describe IMAGE"
	case errors.Is(err, bind.ErrEmpty):
		hint = "get the image again: the file is empty"
	case errors.Is(err, errTerminal):
		hint = "redirect an image to standard input: cpupdate inspect - < IMAGE"
	case errors.As(err, &kind):
		hint = "name a file; to read a stream, use - and redirect standard input"
	}
	return exit.New(exit.CodeImage, wrapped, hint)
}

// readHint returns what to do about a file that the operating system called system does not read.
func readHint(system, name string, err error) string {
	switch {
	case atomicfile.IsBadName(system, err) && strings.ContainsAny(name, "*?"):
		return "check the name and the folder: no file matches this pattern"
	case atomicfile.IsBadName(system, err):
		return atomicfile.BadNameHint
	case errors.Is(err, fs.ErrNotExist):
		return "check the name and the folder"
	}
	return "check that the file can be read, and that its medium works"
}

// ChangedHint is what to do about a file that changes while it is read.
const ChangedHint = "wait until the program that writes the file has finished, then try again"

// errEmptyFolder reports a folder without any file.
var errEmptyFolder = errors.New("the folder is empty")

// problemHint returns what to do about a damaged image, or one that contradicts its descriptor.
func problemHint(err *bind.FormatError) string {
	switch err.Problem {
	case bind.ASCIIMode:
		return "get the image again in binary mode (in ftp, enter binary before get)"
	case bind.Malformed:
		if err.Format == bind.Descriptor {
			return "correct the descriptor, or write a new one with: cpupdate describe --force IMAGE"
		}
		return "the image was built incorrectly: report the field and the offset to its builder"
	case bind.Unsupported:
		return "use a newer cpupdate, or an image that is built for this version"
	case bind.Disagrees:
		return "find out which of the two is right; do not send this image before they agree"
	case bind.Changed:
		return ChangedHint
	case bind.Damaged:
	}
	return "get the image again in binary mode, and compare its size and SHA-256 with the original"
}

// contentHint returns what to do about a file of another kind; anyway is what to do if it is an image anyway.
func contentHint(c bind.Content, anyway string) string {
	switch {
	case c.MayBeImage:
		return "if phones take it as it is, describe it with: cpupdate describe IMAGE"
	case strings.Contains(c.Name, "archive"):
		return "unpack it, and name the image that is in it"
	case strings.Contains(c.Name, "Git LFS"):
		return "get the file itself with: git lfs pull"
	case strings.Contains(c.Name, "git-annex"):
		return "get the file itself with: git annex get FILE"
	case strings.Contains(c.Name, "web"):
		return "get the image again: the server sent a page, such as a log-in form or an error, instead of it"
	}
	return "name the image; if phones take this file as it is, " + anyway
}
