package phonesim

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

const (
	shortHeader = 64  // bytes: the fixed part of a CPB header, and the whole one of an OpenStage image
	trailer     = 296 // bytes at the end of an OpenStage image
)

// An image is a file on its way: the phone keeps the header, the last bytes and the digest of what follows the header, and
// nothing else. So it needs a few hundred bytes whatever the file's size.
type image struct {
	front, tail []byte
	header      int // how long the header is, as far as that is known
	size        int64
	payload     hash.Hash
}

func newImage() *image { return &image{header: shortHeader, payload: sha256.New()} }

// Write takes the next bytes. It never fails.
func (m *image) Write(b []byte) (int, error) {
	m.size += int64(len(b))
	if len(b) >= trailer {
		m.tail = append(m.tail[:0], b[len(b)-trailer:]...)
	} else {
		m.tail = append(m.tail, b...)
		m.tail = append(m.tail[:0], m.tail[max(len(m.tail)-trailer, 0):]...)
	}
	rest := m.keepHeader(b)
	if len(m.front) == shortHeader && m.header == shortHeader {
		m.header = headerLength(m.front)
		rest = m.keepHeader(rest)
	}
	m.payload.Write(rest)
	return len(b), nil
}

// keepHeader keeps what belongs to the header, and returns the rest.
func (m *image) keepHeader(b []byte) []byte {
	n := min(m.header-len(m.front), len(b))
	m.front = append(m.front, b[:n]...)
	return b[n:]
}

// headerLength returns how long the header says that it is, within what the format allows.
func headerLength(fixed []byte) int {
	if !bytes.HasPrefix(fixed, []byte("\x89CPB")) {
		return shortHeader
	}
	return int(min(max(binary.BigEndian.Uint32(fixed[0x0C:]), shortHeader), 64<<10))
}

// ReadAt reads what was kept; what lies between is zero.
func (m *image) ReadAt(b []byte, at int64) (int, error) {
	if at >= m.size {
		return 0, io.EOF
	}
	clear(b)
	n := int(min(int64(len(b)), m.size-at))
	if at < int64(len(m.front)) {
		copy(b[:n], m.front[at:])
	}
	if from := m.size - int64(len(m.tail)); at+int64(n) > from {
		skip := max(from-at, 0)
		copy(b[skip:n], m.tail[at+skip-from:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// facts reads what the image says, and fails unless it is whole.
func (m *image) facts() (bind.Facts, error) {
	f, err := bind.NewFile(m, m.size)
	if err != nil {
		return bind.Facts{}, err
	}
	facts := f.Facts()
	if facts.PayloadSHA256.Known() && facts.PayloadSHA256.Value != [32]byte(m.payload.Sum(nil)) {
		return facts, fmt.Errorf("the digest of the received image does not match its header")
	}
	return facts, nil
}

// refusal returns why the phone does not install an image: "" if it does. The manual has two rules (p. 95): an image that
// states hardware levels has to state the phone's, and one that states none must not be older than the lowest version
// that the hardware is known to need. Override permits these. That a phone checks family and model too is assumed.
func (p *Phone) refusal(facts bind.Facts) string {
	family, model := bind.SplitDevice(p.c.DeviceType)
	switch {
	case facts.Family.Known() && family != "" && !strings.EqualFold(facts.Family.Value, family):
		return "it is for another family of phones"
	case facts.Models.Known() && !slices.ContainsFunc(facts.Models.Value, func(m string) bool {
		_, m = bind.SplitDevice(m) // it may be a whole device type
		return strings.EqualFold(m, model) || facts.Models.Confidence == bind.Observed && sameImage(m, model)
	}):
		return "it is for other models"
	case p.c.Override:
		return ""
	case facts.Levels.Known():
		if !facts.Levels.Value.Contains(p.c.Level) {
			return fmt.Sprintf("hardware level %d is not supported", p.c.Level)
		}
		return ""
	case !p.c.Minimum.IsZero() && facts.Version.Value.Compare(p.c.Minimum) < 0:
		return fmt.Sprintf("its version is below %s, the minimum of this hardware", p.c.Minimum)
	}
	return ""
}

// sameImage reports whether phones of two models take the same image, although it names only one of them: observed by
// amooma/GS3 for OpenStage phones, and by the name of an image for CP phones. That letters behind the number make no
// difference is assumed.
func sameImage(a, b string) bool {
	class := func(model string) string {
		switch number := strings.TrimRight(strings.ToUpper(model), "EG"); number {
		case "20", "40":
			return "20/40"
		case "60", "80":
			return "60/80"
		case "CP200", "CP205":
			return "CP20X"
		}
		return model
	}
	return class(a) == class(b)
}
