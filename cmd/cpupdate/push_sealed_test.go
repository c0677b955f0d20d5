package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// A sealedImage is an image in one of the three formats, with what a push needs to accept it, and another one of the same
// size by somebody else.
type sealedImage struct {
	format     string
	text       []byte
	descriptor string
	flags      []string
	stranger   []byte
	faults     string // of the simulated phone
	device     string // its type and software
	software   string
}

// signedImage writes an image of CP phones that is signed.
func signedImage(t *testing.T, key ed25519.PrivateKey, version bind.Version, size int) []byte {
	t.Helper()
	b := &bind.Builder{Family: "OpenScape Desk Phone CP", Models: []string{"CP600"}, SoftwareType: "Unify HFA", Version: version, Key: key}
	b.Levels, _ = bind.ParseLevels("1-3")
	var text bytes.Buffer
	if err := b.Build(t.Context(), &text, io.NewSectionReader(bytes.NewReader(make([]byte, size)), 0, int64(size))); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// sealedImages returns an image of each format, each of several chunks.
func sealedImages(t *testing.T) []sealedImage {
	t.Helper()
	return sealedImagesOf(t, 700_000)
}

// sealedImagesOf returns an image of each format, with a payload of that size.
func sealedImagesOf(t *testing.T, size int) []sealedImage {
	t.Helper()
	public, own, _ := ed25519.GenerateKey(nil)
	_, stranger, _ := ed25519.GenerateKey(nil)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	trusted := clitest.File(t, "pub.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	signed := []string{"--require-signature", "--trusted-key", trusted}
	const cp600 = "OpenScape Desk Phone CP600"
	newer := bind.Version{Major: 1, Release: 9, Fix: 2}
	other := func(image []byte) []byte {
		image = bytes.Clone(image)
		for i := 64; i < len(image)-400; i++ {
			image[i] ^= 1
		}
		return image
	}
	var openStage bytes.Buffer
	builder := bind.OpenStageBuilder{Name: "OpenStage Hi", Version: newer, DeviceType: "OpenStage 40", SoftwareType: "Siemens SIP"}
	if err := builder.Build(t.Context(), &openStage, io.NewSectionReader(bytes.NewReader(make([]byte, size)), 0, int64(size))); err != nil {
		t.Fatal(err)
	}
	raw := bytes.Repeat([]byte("raw image\r\n"), size/11)
	described := fmt.Sprintf("schema = 1\nsha256 = '%x'\nsize = %d\nfamily = 'OpenScape Desk Phone CP'\nsoftware_type = 'Unify HFA'\nsoftware_version = 'V1 R9.2.0'\nhw_levels = '1-3'\n", sha256.Sum256(raw), len(raw))
	return []sealedImage{
		{"CPB", signedImage(t, own, newer, size), "", signed, signedImage(t, stranger, newer, size), "", cp600, "Unify HFA"},
		{"OpenStage", openStage.Bytes(), "", []string{"--override"}, other(openStage.Bytes()), "", "OpenStage 40", "Siemens SIP"},
		{"described", raw, described, nil, other(raw), "takes-any-image", cp600, "Unify HFA"},
	}
}

// write writes the image, and its descriptor if it has one.
func (i *sealedImage) write(t *testing.T) string {
	t.Helper()
	name := clitest.File(t, "x.bind", i.text)
	if i.descriptor != "" {
		if err := os.WriteFile(name+bind.DescriptorSuffix, []byte(i.descriptor), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// A change is what somebody does to an image while it is sent.
type change struct {
	name     string
	harmless bool // what is sent is what was verified anyway
	atEnd    bool // the last byte is another one, or none
	do       func(name string, i *sealedImage) error
}

func changes() []change {
	overwrite := func(name string, at int64, b []byte) error {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if _, err = f.WriteAt(b, at); err != nil {
			return err
		}
		return f.Close()
	}
	return []change{
		{"overwritten", false, false, func(name string, i *sealedImage) error { return overwrite(name, 0, i.stranger) }},
		{"first byte", false, false, func(name string, i *sealedImage) error { return overwrite(name, 0, []byte{i.text[0] ^ 1}) }},
		{"last byte", false, true, func(name string, i *sealedImage) error {
			last := len(i.text) - 1
			return overwrite(name, int64(last), []byte{i.text[last] ^ 1})
		}},
		{"two parts exchanged", false, false, func(name string, i *sealedImage) error {
			const part = 16 << 10
			first, second := bytes.Clone(i.text[part:][:part]), bytes.Clone(i.text[2*part:][:part])
			first[0] ^= 0xFF // the payload may be the same everywhere
			return overwrite(name, part, append(second, first...))
		}},
		{"truncated", false, true, func(name string, i *sealedImage) error { return os.Truncate(name, int64(len(i.text)/2)) }},
		{"a byte short", false, true, func(name string, i *sealedImage) error { return os.Truncate(name, int64(len(i.text)-1)) }},
		{"emptied", false, true, func(name string, _ *sealedImage) error { return os.Truncate(name, 0) }},
		{"written anew", false, false, func(name string, i *sealedImage) error { return os.WriteFile(name, i.stranger, 0o600) }},
		{"grown", true, false, func(name string, i *sealedImage) error { return overwrite(name, int64(len(i.text)), []byte("more")) }},
		{"overwritten by the same", true, false, func(name string, i *sealedImage) error { return overwrite(name, 0, i.text) }},
		{"replaced by rename", true, false, func(name string, i *sealedImage) error {
			if err := os.WriteFile(name+".new", i.stranger, 0o600); err != nil {
				return err
			}
			return os.Rename(name+".new", name)
		}},
		{"removed", true, false, func(name string, _ *sealedImage) error { return os.Remove(name) }},
	}
}

// once returns a function that changes the image, the first time that it is called.
func (c change) once(t *testing.T, name string, i *sealedImage) func() {
	t.Helper()
	var one sync.Once
	return func() {
		one.Do(func() {
			if err := c.do(name, i); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestServeChangedImage: a phone fetches from this machine what was verified, and nothing else. The image is changed when
// the phone has got the update command.
func TestServeChangedImage(t *testing.T) {
	t.Parallel()
	for _, image := range sealedImages(t) {
		for _, c := range changes() {
			for _, method := range []string{"https", "ftp"} {
				if c.harmless && image.format != "CPB" && (c.name != "grown" || method == "ftp") {
					continue // a restart takes time
				}
				t.Run(fmt.Sprintf("%s %s by %s", image.format, c.name, method), func(t *testing.T) {
					t.Parallel()
					name := image.write(t)
					alter := c.once(t, name, &image)
					phone := startPhone(t, image.faults, func(config *phonesim.Config) {
						config.DeviceType, config.SoftwareType = image.device, image.software
						config.Event = func(e phonesim.Event) {
							if e.Kind == phonesim.Instructed {
								alter()
							}
						}
					})
					args := append(serviceFlags(t), "push", name, phone.Address(), "--serve", "--method", method, "--hw-level", "3")
					r := runHere(t, nil, append(args, image.flags...)...)
					checkServed(t, r, image, c, phone.State())
				})
			}
		}
	}
}

func checkServed(t *testing.T, r ran, image sealedImage, c change, state phonesim.State) {
	t.Helper()
	version, code, fetches := versionOld, exit.CodeImage, 0
	if c.harmless {
		version, code, fetches = versionNew, exit.CodeOK, 1
	}
	if state.Version.String() != version || r.code != code || state.Fetches != fetches {
		t.Errorf("exit code %d, want %d; the phone runs %s, and has %d whole files\n%s%s", r.code, code, state.Version, state.Fetches, r.out, r.errOut)
	}
	if !c.harmless && !strings.Contains(r.errOut, "its fetch was cut off, and it keeps its old software: "+title(image.format)+" content at offset 0x") {
		t.Errorf("it says\n%s", r.errOut)
	}
}

// title returns how errors begin that name a format.
func title(format string) string {
	if format == "described" {
		return "image"
	}
	return format
}

// A floor is three phones, of which one at a time is updated. When the first of them has the image, the image changes; the
// others are not contacted before that.
type floor struct {
	phones  []*phonesim.Phone
	mu      sync.Mutex
	first   int // -1 as long as none was instructed
	altered chan struct{}
}

// newFloor starts the phones. Those that are not to come back after their restart stay down.
func newFloor(t *testing.T, alter func(), back bool) *floor {
	t.Helper()
	f := &floor{first: -1, altered: make(chan struct{})}
	for i := range 3 {
		f.phones = append(f.phones, startPhone(t, "", func(config *phonesim.Config) {
			config.Listen, config.MAC = fmt.Sprintf("127.0.9.%d:0", i+1), fmt.Sprintf("00:1A:E8:00:00:0%d", i+1)
			if !back {
				config.RestartTime = time.Hour
			}
			config.Event = func(e phonesim.Event) {
				first := f.begin(i, e.Kind == phonesim.Instructed)
				switch {
				case first == i && e.Kind == phonesim.Fetched:
					alter()
					close(f.altered)
				case first >= 0 && first != i && e.Kind == phonesim.Contacted:
					<-f.altered
				}
			}
		}))
	}
	return f
}

// begin notes which phone is the first, and returns it.
func (f *floor) begin(i int, instructed bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first < 0 && instructed {
		f.first = i
	}
	return f.first
}

// TestServeChangedBetweenPhones: the first phone of a floor has the image, then the image changes. No further phone is
// instructed, and the error says which ones that are.
func TestServeChangedBetweenPhones(t *testing.T) {
	t.Parallel()
	image := sealedImages(t)[0]
	for _, c := range changes() {
		for _, method := range []string{"https", "ftp"} {
			if c.harmless && (c.name != "replaced by rename" || method == "ftp") {
				continue // three restarts take time
			}
			t.Run(c.name+" by "+method, func(t *testing.T) {
				t.Parallel()
				name := image.write(t)
				f := newFloor(t, c.once(t, name, &image), c.harmless)
				args := append(serviceFlags(t), "push", name, "--serve", "--method", method, "--hw-level", "3", "--parallel", "1")
				for _, phone := range f.phones {
					args = append(args, phone.Address())
				}
				f.check(t, runHere(t, nil, append(args, image.flags...)...), c)
			})
		}
	}
}

func (f *floor) check(t *testing.T, r ran, c change) {
	t.Helper()
	var got, others []string
	var fetches, instructed int
	for i, phone := range f.phones {
		state := phone.State()
		got = append(got, state.Version.String())
		fetches, instructed = fetches+state.Fetches, instructed+state.Instructed
		if i != f.first {
			others = append(others, phone.Address()+" (not instructed)")
		}
	}
	if c.harmless {
		if r.code != exit.CodeOK || slices.Contains(got, versionOld) || fetches != 3 {
			t.Errorf("exit code %d, the phones run %v\n%s%s", r.code, got, r.out, r.errOut)
		}
		return
	}
	want := fmt.Sprintf("2 of 3 phones are not updated: %s; may still update, because they got the whole image as it was verified: %s",
		strings.Join(others, ", "), f.phones[f.first].Address())
	if r.code != exit.CodeImage || fetches != 1 || instructed != 1 || !strings.Contains(r.errOut, want) {
		t.Errorf("exit code %d, %d fetches of %d, the phones run %v; want\n%s\n%s%s", r.code, fetches, instructed, got, want, r.out, r.errOut)
	}
}
