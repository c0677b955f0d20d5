package bind

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// The OpenStage layout as two unrelated public programs read it: fffilimonov/siemen_op_firm (2014) recomputes the
// length, zam-haus/dlsir reads name, version and trailer. It is not documented, so everything is marked as observed.
const (
	openStageHeader  = 64
	openStageTexts   = 0x20  // name and version share the second half of the header
	openStageTrailer = 0x128 // bytes at the end of newer images
	openStageTagSize = 2     // bytes between the trailer's two texts, meaning unknown
	maxTrailer       = openStageTrailer
)

// readOpenStageFront reads the 64-byte header, and that of the kernel behind it, if there is one. The layout has no magic: a readable name followed by a readable version
// identifies it.
func readOpenStageFront(f *File, r io.ReaderAt) error {
	h, err := readFront(r, openStageHeader)
	if err != nil {
		return err
	}
	if len(h) < openStageHeader {
		return ErrNotBind
	}
	name, ok := cText(h[openStageTexts:])
	if !ok {
		return ErrNotBind
	}
	versionAt := openStageTexts + len(name)
	for versionAt < openStageHeader && h[versionAt] == 0 {
		versionAt++
	}
	text, ok := cText(h[versionAt:])
	version, err := ParseVersion(text)
	if !ok || err != nil || !strings.HasPrefix(strings.ToUpper(text), "V") {
		return ErrNotBind
	}
	f.header = h
	f.facts.Format = OpenStage
	f.facts.Size = -1
	f.facts.HeaderLength = openStageHeader
	f.facts.PayloadLength = int64(binary.BigEndian.Uint32(h))

	add := func(name string, at, end int, value string) Origin {
		return f.add(name, Header, Observed, int64(at), h[at:end], value)
	}
	add("length of what follows", 0, 4, fmt.Sprint(f.facts.PayloadLength))
	add("not known", 4, openStageTexts, hex.EncodeToString(h[4:openStageTexts]))
	f.facts.takeDevice(name, add("name", openStageTexts, openStageTexts+len(name), name))
	f.facts.Version = Fact[Version]{version, add("software version", versionAt, versionAt+len(text), text)}
	if err := readKernelHeader(f, r); err != nil {
		return err
	}
	// Observed in amooma/GS3 (os-firmware-identify), for the version text; assumed for the kernel's name.
	f.facts.Development = version.Major == 0 || f.facts.Kernel.Value.isDevelopment()
	return nil
}

// finishOpenStage compares the length with the file's size and reads the trailer, if there is one.
func finishOpenStage(f *File, size int64, tail []byte) error {
	f.facts.Size = size
	if stated, there := f.facts.PayloadLength, size-openStageHeader; stated != there {
		return &FormatError{OpenStage, Damaged, "length of what follows", 0, fmt.Sprintf("says %d bytes, the file holds %d", stated, there)}
	}
	if err := finishKernel(f, size); err != nil {
		return err
	}
	if size < openStageHeader+openStageTrailer || len(tail) < openStageTrailer {
		return nil
	}
	t := tail[len(tail)-openStageTrailer:]
	f.trailer = t // also what is no trailer says something
	device, software, ok := readTrailerTexts(t)
	if !ok {
		return nil
	}
	base := size - openStageTrailer
	add := func(name string, at, length int, value string) Origin {
		return f.add(name, Trailer, Observed, base+int64(at), t[at:][:length], value)
	}
	f.facts.PayloadLength -= openStageTrailer
	typeAt := len(device) + 1 + openStageTagSize
	origin := add("device type", 0, len(device), device)
	add("not known", typeAt-openStageTagSize, openStageTagSize, hex.EncodeToString(t[typeAt-openStageTagSize:typeAt]))
	f.facts.SoftwareType = Fact[string]{software, add("software type", typeAt, len(software), software)}
	rest := typeAt + len(software) + 1
	add("not known", rest, openStageTrailer-rest, hex.EncodeToString(t[rest:]))
	return f.facts.takeTrailerDevice(device, origin)
}

// readTrailerTexts reads the two texts of a trailer: a device type, two bytes, a software type. Older images have
// payload there, so both texts must have the expected form.
func readTrailerTexts(t []byte) (device, software string, ok bool) {
	device, ok = cText(t)
	at := len(device) + 1 + openStageTagSize
	if !ok || !strings.HasPrefix(device, "Open") || at >= len(t) {
		return "", "", false
	}
	software, ok = cText(t[at:])
	if at+len(software) >= len(t) {
		return "", "", false
	}
	return device, software, ok
}

// takeDevice stores an observed device name: a model such as "OpenStage 40", or a platform such as "OpenStage Hi",
// which names only the family.
func (facts *Facts) takeDevice(name string, origin Origin) {
	family, model := observedDevice(name)
	if family != "" {
		facts.Family = Fact[string]{family, origin}
	}
	if model == "" {
		facts.Platform = Fact[string]{name, origin}
		return
	}
	facts.Models = Fact[[]string]{[]string{model}, origin}
}

// observedDevice splits an observed name; model is "" for a platform.
func observedDevice(name string) (family, model string) {
	words := strings.Fields(name)
	last := words[len(words)-1]
	if len(words) > 1 && strings.ContainsAny(last, "0123456789") {
		return SplitDevice(name)
	}
	return strings.Join(words[:len(words)-1], " "), ""
}

// takeTrailerDevice adds the trailer's device type. A model counts more than a platform, wherever it is; two models
// must be equal; of two platforms the header's counts.
func (facts *Facts) takeTrailerDevice(device string, origin Origin) error {
	family, model := observedDevice(device)
	switch {
	case model == "" && facts.Platform.Known():
		return nil
	case model == "" && facts.Models.Known():
		facts.Platform = Fact[string]{device, origin}
		return nil
	case facts.Models.Known() && (facts.Models.Value[0] != model || facts.Family.Value != family):
		return &FormatError{OpenStage, Disagrees, "device type", origin.Offset, fmt.Sprintf("trailer says %s, header says %s",
			quote(device), quote(facts.Family.Value+" "+facts.Models.Value[0]))}
	}
	facts.takeDevice(device, origin)
	return nil
}

// SplitDevice splits a device type into family and model. The model is the last word, and letters at its start belong
// to the family too: "OpenScape Desk Phone CP600" is "OpenScape Desk Phone CP" and "CP600", "OpenStage 40" is
// "OpenStage" and "40". A single word is a model of unknown family, "".
func SplitDevice(device string) (family, model string) {
	words := strings.Fields(device)
	if len(words) == 0 {
		return "", ""
	}
	model = words[len(words)-1]
	if len(words) == 1 {
		return "", model
	}
	letters := model[:len(model)-len(strings.TrimLeftFunc(model, isASCIILetter))]
	if letters != "" {
		words[len(words)-1] = letters
		return strings.Join(words, " "), model
	}
	return strings.Join(words[:len(words)-1], " "), model
}

func isASCIILetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

// cText returns the printable ASCII text at the start of b, up to a NUL or the end of b. It must have at least three
// characters and no space at either end.
func cText(b []byte) (string, bool) {
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return "", false
		}
	}
	text := string(b)
	return text, len(text) >= 3 && strings.TrimSpace(text) == text
}

// An OpenStageBuilder writes images in the observed OpenStage layout, for tests and demonstrations. Name and version
// have 15 characters at most; without DeviceType no trailer is written.
type OpenStageBuilder struct {
	Name         string // such as "OpenStage Hi"
	Version      Version
	DeviceType   string // such as "OpenStage 40"
	SoftwareType string // such as "Siemens SIP"
}

// Build writes the image with the given payload.
func (b *OpenStageBuilder) Build(ctx context.Context, w io.Writer, payload *io.SectionReader) error {
	header, trailer, err := b.ends(payload.Size())
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	if _, err := copyHashed(ctx, w, payload); err != nil {
		return err
	}
	_, err = w.Write(trailer)
	return err
}

// ends returns the header and the trailer, or an error for values that do not fit the layout.
func (b *OpenStageBuilder) ends(payload int64) (header, trailer []byte, err error) {
	version := b.Version.String()
	if text, ok := cText([]byte(b.Name)); !ok || text != b.Name || len(text) > 15 {
		return nil, nil, fmt.Errorf("name %s must be 3 to 15 printable ASCII characters", quote(b.Name))
	}
	if b.Version.IsZero() || len(version) > 15 {
		return nil, nil, fmt.Errorf("version %s does not fit the header", version)
	}
	if b.DeviceType != "" {
		trailer = make([]byte, openStageTrailer)
		at := copy(trailer, b.DeviceType) + 1 + openStageTagSize
		if at < len(trailer) {
			copy(trailer[at:], b.SoftwareType)
		}
		device, software, ok := readTrailerTexts(trailer)
		if !ok || device != b.DeviceType || software != b.SoftwareType {
			return nil, nil, fmt.Errorf("device type %s and software type %s do not fit the trailer", quote(b.DeviceType), quote(b.SoftwareType))
		}
	}
	length := payload + int64(len(trailer))
	if length > 1<<32-1 {
		return nil, nil, fmt.Errorf("%d bytes do not fit the header's 32-bit length", length)
	}
	header = binary.BigEndian.AppendUint32(nil, uint32(length))
	header = append(header, make([]byte, openStageHeader-4)...)
	copy(header[openStageTexts:], b.Name)
	copy(header[openStageTexts+16:], version)
	return header, trailer, nil
}
