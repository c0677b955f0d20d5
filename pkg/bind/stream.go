package bind

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// NewStream reads the header of an image that can be read only once, such as standard input. It reads at most 64 KiB
// from r. Size and trailer are unknown until [File.Verify] has read the rest. Errors are as for [NewFile].
func NewStream(r io.Reader) (*File, error) {
	buffered := bufio.NewReaderSize(r, cpbMaxHeader)
	front, err := buffered.Peek(cpbMaxHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the header: %w", withoutPath(err))
	}
	// The layouts copy what they read, because the buffer is reused later.
	f, _, err := recognise(bytes.NewReader(front))
	if err != nil {
		return nil, err
	}
	f.stream = buffered
	return f, nil
}
