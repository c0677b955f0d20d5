package bind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// A File is an opened image. It is safe for concurrent use once [File.Verify] or [File.Seal], and [File.CheckSignature],
// have returned.
type File struct {
	facts   Facts
	fields  []Field
	header  []byte                      // the first bytes of the file, from which facts were read
	trailer []byte                      // the last bytes of the file, from which facts were read
	image   *io.SectionReader           // nil for a stream
	seal    *seal                       // through which image reads, nil if the file is not sealed
	stream  io.Reader                   // the whole stream from its first byte, nil for a file
	sealed  *sealedDescriptor           // the descriptor beside the image, nil without one
	stat    func() (fs.FileInfo, error) // nil for what is no file of the system
	close   func() error

	checking sync.Mutex // guards sealedAs once the file is sealed
	sealedAs fileInfo   // what the file system said when its bytes were last compared

	wholeDigest bool // Verify must compute the whole file's digest, although nothing is compared with it
}

// A layout is one format that is recognised by its bytes. front reads the header and must not read the payload; it
// returns ErrNotBind for other formats. finish reads what only the whole image shows: its size, and its last bytes (up
// to maxTrailer).
type layout struct {
	format Format
	front  func(f *File, r io.ReaderAt) error
	finish func(f *File, size int64, tail []byte) error
}

func layouts() []layout {
	return []layout{
		{CPB, readCPBFront, finishCPB},
		{OpenStage, readOpenStageFront, finishOpenStage},
	}
}

// Open opens the image called name, with the descriptor beside it (name + ".bind.toml") if there is one.
//
// The error is a [*FormatError] for an image that is damaged or disagrees with its descriptor, [ErrNotBind] or
// a [*ForeignError] for a file in no known format without a descriptor, [ErrEmpty] for a file without content, a [*NotRegularError] for anything
// but a regular file, or that of the file system.
func Open(name string) (*File, error) { return OpenAs(name, name) }

// OpenAs is [Open] for an image that does not have its final name yet: it reads the image from path, and the descriptor
// beside name.
func OpenAs(path, name string) (*File, error) {
	osFile, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	f, err := open(osFile, size, name)
	if err != nil {
		return nil, errors.Join(err, osFile.Close())
	}
	f.stat, f.close = osFile.Stat, osFile.Close
	return f, nil
}

func open(r io.ReaderAt, size int64, name string) (*File, error) {
	beside, err := readDescriptorBeside(name)
	if err != nil {
		return nil, err
	}
	return newBeside(r, size, beside)
}

// newBeside reads an image that has a descriptor, or none if beside is nil.
func newBeside(r io.ReaderAt, size int64, beside *sealedDescriptor) (*File, error) {
	f, err := NewFile(r, size)
	if beside == nil {
		return f, err
	}
	if errors.Is(err, ErrNotBind) {
		f, err = newDescribedFile(r, size, err), nil
	}
	if err != nil {
		return nil, err
	}
	if err := f.describe(beside); err != nil {
		return nil, err
	}
	return f, nil
}

// openRegular opens only a regular file, because opening a FIFO would block.
func openRegular(name string) (*os.File, int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, 0, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, &NotRegularError{kindOf(info.Mode())}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, withoutPath(err)
	}
	if info, err = f.Stat(); err != nil {
		return nil, 0, errors.Join(withoutPath(err), f.Close())
	}
	return f, info.Size(), nil
}

// withoutPath removes the operation and the name from a file system error, because the caller names the file.
func withoutPath(err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}

// NewFile reads the header of an image of the given size in bytes, and a trailer if the format has one. It reads at
// most 64 KiB and 296 bytes and never the payload. Errors are as for [Open].
func NewFile(r io.ReaderAt, size int64) (*File, error) {
	section := io.NewSectionReader(r, 0, size)
	f, layout, err := recognise(section)
	if err != nil {
		return nil, err
	}
	tail := make([]byte, min(size, maxTrailer))
	if _, err := section.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the last %d bytes: %w", len(tail), err)
	}
	f.image = section
	if err := layout.finish(f, size, tail); err != nil {
		return nil, err
	}
	return f, nil
}

// newDescribedFile returns a file of which only the size is known, and what err says that it looks like.
func newDescribedFile(r io.ReaderAt, size int64, err error) *File {
	f := &File{image: io.NewSectionReader(r, 0, size)}
	f.facts = Facts{Format: Descriptor, Size: size, PayloadLength: size, Integrity: unread()}
	if foreign := (*ForeignError)(nil); errors.As(err, &foreign) {
		f.facts.Content = foreign.Content
	}
	return f
}

// unread returns the integrity of an image before it is checked.
func unread() Integrity {
	return Integrity{Digest: NotRead, Kernel: Absent, Signature: Signature{State: Unsigned}}
}

// recognise tries one format after another on the first bytes of an image.
func recognise(r io.ReaderAt) (*File, layout, error) {
	first, err := readFront(r, 1)
	if err != nil {
		return nil, layout{}, err
	}
	if len(first) == 0 {
		return nil, layout{}, ErrEmpty
	}
	for _, l := range layouts() {
		f := &File{}
		f.facts.Integrity = unread()
		err := l.front(f, r)
		if err == nil {
			return f, l, nil
		}
		if !errors.Is(err, ErrNotBind) {
			return nil, layout{}, err
		}
	}
	return nil, layout{}, notBind(r)
}

// readFront reads length bytes from the start, or fewer if the image has fewer.
func readFront(r io.ReaderAt, length int) ([]byte, error) {
	front := make([]byte, length)
	n, err := r.ReadAt(front, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	return front[:n], nil
}

// Facts returns what is known about the image so far.
func (f *File) Facts() Facts { return f.facts }

// Fields returns everything in the image outside its payload, in the order of the file, with the descriptor's values
// last.
func (f *File) Fields() []Field { return f.fields }

// WantSHA256 makes [File.Verify] compute the SHA-256 of the whole file even if nothing is compared with it, which takes
// about twice as long.
func (f *File) WantSHA256() { f.wholeDigest = true }

// Image returns the whole file, as it is sent to a phone, or nil for a stream. The file may change while it is sent:
// compare what is read with a [Pass], or call [File.Seal] before.
func (f *File) Image() *io.SectionReader { return f.image }

// Close closes the file that [Open] opened; after [NewFile] and [NewStream] it does nothing.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// add appends a field whose value is at the given offset.
func (f *File) add(name string, source Source, confidence Confidence, offset int64, raw []byte, value string) Origin {
	origin := Origin{source, confidence, offset, int64(len(raw))}
	f.fields = append(f.fields, Field{Name: name, Origin: origin, Raw: raw, Value: value})
	return origin
}

// checkContext returns an error if ctx has ended.
func checkContext(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
