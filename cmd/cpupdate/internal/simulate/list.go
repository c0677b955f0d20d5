package simulate

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// Note marks each phone in a list that simulate wrote: such a list may be replaced without --force.
const Note = settings.SimulatedNote

// mayWrite reports whether the list may replace an existing file: with --force, or if that file is a list of simulated
// phones only.
func (o *Options) mayWrite(ctx context.Context) (force bool, err error) {
	if force = o.force; !force {
		force, err = onlySimulated(ctx, o.output)
	}
	if err == nil {
		err = atomicfile.CheckOutput(o.output, force)
	}
	return force, err
}

// onlySimulated reports whether a file is a list of simulated phones only. The error is that of a file that cannot be read, such
// as one that another program has open on Windows: what it is, is not known.
func onlySimulated(ctx context.Context, name string) (bool, error) {
	if info, _ := os.Lstat(name); info == nil || !info.Mode().IsRegular() { // CheckOutput looks at what it is
		return false, nil
	}
	listed, err := settings.ReadPhoneList(ctx, name)
	if cause := syscall.Errno(0); errors.As(err, &cause) {
		return false, atomicfile.CannotReplace(name, cause)
	}
	for _, l := range listed {
		if !settings.IsSimulated(l.Note) {
			return false, nil
		}
	}
	return err == nil, nil
}

// writeSimulated writes what an operator would know about the phones, which have started. Their software is not part of
// it: they report that themselves.
func writeSimulated(plan []simulated, phones []*phonesim.Phone) func(io.Writer) error {
	var listed []hwcheck.ListedPhone
	for i, phone := range phones {
		l := plan[i].listed
		l.Address, l.Note = phone.Address(), Note
		if web := phone.State().WebAddress; web != "" {
			l.Note += settings.SimulatedWebNote + web
		}
		l.Phone.SoftwareType, l.Phone.Running = nil, nil
		listed = append(listed, l)
	}
	return func(w io.Writer) error { return hwcheck.WritePhones(w, listed) }
}
