package bind_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"reflect"
	"testing"

	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// TestPassSaysWhatVerifySays checks that a pass in pieces of any size gives the result of Verify, for every image that
// can be opened.
func TestPassSaysWhatVerifySays(t *testing.T) {
	images := map[string][]byte{"valid": forge.Valid().Image()}
	damaged := forge.Valid().Image()
	damaged[len(damaged)-1] ^= 1
	images["payload changed"] = damaged
	for _, forgery := range forge.Forgeries() {
		images[forgery.Name] = forgery.Image
	}
	opened := 0
	for name, image := range images {
		verified, err := bind.NewFile(bytes.NewReader(image), int64(len(image)))
		if err != nil {
			continue
		}
		opened++
		verified.WantSHA256()
		want := fmt.Sprint(verified.Verify(t.Context()))
		for _, piece := range []int{1, 7, 100, len(image)} {
			f, err := bind.NewFile(bytes.NewReader(image), int64(len(image)))
			if err != nil {
				t.Fatal(err)
			}
			pass := f.NewPass(true)
			if _, err := io.CopyBuffer(struct{ io.Writer }{pass}, struct{ io.Reader }{f.Image()}, make([]byte, piece)); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(pass.Check()); got != want {
				t.Errorf("%s in pieces of %d: %s, Verify says %s", name, piece, got, want)
			}
			if !reflect.DeepEqual(f.Facts(), verified.Facts()) {
				t.Errorf("%s in pieces of %d: other facts than Verify's", name, piece)
			}
		}
	}
	if opened < 3 {
		t.Errorf("only %d images could be opened", opened)
	}
}

// TestPassOverLessThanTheImage checks that a pass that saw less than the image is an error, whatever the digests are.
func TestPassOverLessThanTheImage(t *testing.T) {
	image := forge.Valid().Image()
	f, err := bind.NewFile(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	pass := f.NewPass(true)
	if _, err := pass.Write(image[:len(image)-1]); err != nil {
		t.Fatal(err)
	}
	damage, ok := pass.Check().(*bind.FormatError) //nolint:errorlint // not wrapped
	if !ok || damage.Problem != bind.Changed || damage.Offset != int64(len(image)-1) {
		t.Errorf("got %v", damage)
	}
	if f.Facts().Integrity.Digest == bind.Right {
		t.Error("the digest passes for right")
	}
}

// A pass notices every byte of header and trailer that is not what it was when the file was opened, whatever the digests
// are: also a header that is valid in itself.
func TestPassOverAnotherHeaderOrTrailer(t *testing.T) {
	cpb, openStage := forge.Valid().Image(), openStageImage(t)
	header, trailer := forge.Valid().HeaderLength(), int64(len(openStage))-0x128
	for at := range header {
		passNotices(t, cpb, at, "header")
	}
	for at := range int64(64) {
		passNotices(t, openStage, at, "header")
	}
	for at := trailer; at < int64(len(openStage)); at++ {
		passNotices(t, openStage, at, "trailer")
	}
}

func openStageImage(t *testing.T) []byte {
	t.Helper()
	var image bytes.Buffer
	b := bind.OpenStageBuilder{Name: "OpenStage Hi", Version: bind.Version{Major: 3, Release: 5}, DeviceType: "OpenStage 40", SoftwareType: "Siemens SIP"}
	payload := []byte("a payload")
	if err := b.Build(t.Context(), &image, io.NewSectionReader(bytes.NewReader(payload), 0, int64(len(payload)))); err != nil {
		t.Fatal(err)
	}
	return image.Bytes()
}

// passNotices changes one byte after the image was opened: a pass in pieces of any size fails with the piece that holds it.
func passNotices(t *testing.T, image []byte, at int64, field string) {
	t.Helper()
	changed := bytes.Clone(image)
	changed[at] ^= 0x40
	for _, piece := range []int{1, 7, 64, len(image)} {
		f, err := bind.NewFile(bytes.NewReader(image), int64(len(image)))
		if err != nil {
			t.Fatal(err)
		}
		pass := f.NewPass(false)
		_, err = io.CopyBuffer(struct{ io.Writer }{pass}, struct{ io.Reader }{bytes.NewReader(changed)}, make([]byte, piece))
		damage, ok := err.(*bind.FormatError) //nolint:errorlint // not wrapped
		if !ok || damage.Problem != bind.Changed || damage.Field != field || damage.Offset != at {
			t.Errorf("byte %d changed, in pieces of %d: %v", at, piece, err)
		}
		if pass.Check() == nil {
			t.Errorf("byte %d changed, in pieces of %d: Check agrees", at, piece)
		}
	}
}

// A pass computes the digest of the whole file where something is compared with it, or somebody wants it, and only there.
func TestPassComputesOneDigest(t *testing.T) {
	for name, c := range map[string]struct {
		image []byte
		whole bool
		want  bool
	}{
		"CPB":               {forge.Valid().Image(), false, false},
		"CPB, wanted":       {forge.Valid().Image(), true, true},
		"OpenStage":         {openStageImage(t), false, true},
		"OpenStage, wanted": {openStageImage(t), true, true},
	} {
		f, err := bind.NewFile(bytes.NewReader(c.image), int64(len(c.image)))
		if err != nil {
			t.Fatal(err)
		}
		pass := f.NewPass(c.whole)
		_, _ = pass.Write(c.image) // never fails
		if err := pass.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		sum := pass.SHA256()
		if (sum != nil) != c.want || sum != nil && *sum != sha256.Sum256(c.image) {
			t.Errorf("%s: %x", name, sum)
		}
	}
}
