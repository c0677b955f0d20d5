package bind_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"reflect"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/bind/bindtest"
)

// TestPassSaysWhatVerifySays checks that a pass in pieces of any size gives the result of Verify, for every image that
// can be opened.
func TestPassSaysWhatVerifySays(t *testing.T) {
	images := map[string][]byte{"valid": bindtest.Valid().Image()}
	damaged := bindtest.Valid().Image()
	damaged[len(damaged)-1] ^= 1
	images["payload changed"] = damaged
	for _, forgery := range bindtest.Forgeries() {
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
			pass := f.NewPass()
			if _, err := io.CopyBuffer(struct{ io.Writer }{pass}, struct{ io.Reader }{f.Image()}, make([]byte, piece)); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(pass.Check(sha256.Sum256(image))); got != want {
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
	image := bindtest.Valid().Image()
	f, err := bind.NewFile(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	pass := f.NewPass()
	if _, err := pass.Write(image[:len(image)-1]); err != nil {
		t.Fatal(err)
	}
	damage, ok := pass.Check(sha256.Sum256(image)).(*bind.FormatError) //nolint:errorlint // not wrapped
	if !ok || damage.Problem != bind.Changed || damage.Offset != int64(len(image)-1) {
		t.Errorf("got %v", damage)
	}
	if f.Facts().Integrity.Digest == bind.Right {
		t.Error("the digest passes for right")
	}
}
