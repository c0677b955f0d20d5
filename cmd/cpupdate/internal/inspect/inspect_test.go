package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

func codeOf(err error) exit.Code {
	if err == nil {
		return exit.CodeOK
	}
	return exit.Classify(err).Code
}

// folder returns a folder with an image, a damaged one, and a file that is none.
func folder(t *testing.T) string {
	t.Helper()
	path := t.TempDir()
	image, err := os.ReadFile(clitest.Image(t, "a.bind", nil))
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(image)
	damaged[len(damaged)-1] ^= 1
	for name, content := range map[string][]byte{"a.bind": image, "b.bind": damaged, "notes": []byte("notes of mine")} {
		if err := os.WriteFile(filepath.Join(path, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// TestRun checks that images are shown one after another, and that a bad one is the error of the command.
func TestRun(t *testing.T) {
	path := folder(t)
	good, bad := filepath.Join(path, "a.bind"), filepath.Join(path, "b.bind")
	for _, test := range []struct {
		args          []string
		o             Options
		code          exit.Code
		shown, passed int
	}{
		{[]string{good}, Options{}, exit.CodeOK, 1, 0},
		{[]string{good, good}, Options{SHA256: true}, exit.CodeOK, 2, 0},
		{[]string{good}, Options{Bytes: true}, exit.CodeOK, 1, 0},
		{[]string{bad}, Options{}, exit.CodeImage, 1, 0},
		{[]string{bad}, Options{Image: images.Options{HeaderOnly: true}}, exit.CodeOK, 1, 0},
		{[]string{good, bad}, Options{}, exit.CodeImage, 2, 0},
		{[]string{path}, Options{}, exit.CodeImage, 2, 1},
		{[]string{"-"}, Options{}, exit.CodeOK, 1, 0},
	} {
		for _, asJSON := range []bool{true, false} {
			m := machine.New(t)
			content, err := os.ReadFile(good)
			if err != nil {
				t.Fatal(err)
			}
			m.Console.In, m.Console.JSON = bytes.NewReader(content), asJSON
			err = Run(t.Context(), m.Console, m.Settings, bind.Open, test.o, test.args)
			if codeOf(err) != test.code {
				t.Errorf("%q: %v", test.args, err)
			}
			if !asJSON {
				if n := strings.Count(m.Out.String(), "\n\n") + 1; n < test.shown || m.Out.Len() == 0 || strings.Contains(m.Out.String(), "00000000  ") != test.o.Bytes {
					t.Errorf("%q:\n%s", test.args, m.Out)
				}
				continue
			}
			var doc struct {
				Schema     int
				Images     []struct{ SHA256 *string }
				PassedOver []any `json:"passed_over"`
			}
			if err := json.Unmarshal(m.Out.Bytes(), &doc); err != nil || doc.Schema != 1 || len(doc.Images) != test.shown || len(doc.PassedOver) != test.passed {
				t.Errorf("%q: %v\n%s", test.args, err, m.Out)
			}
			if (doc.Images[0].SHA256 != nil) != test.o.SHA256 {
				t.Errorf("%q: the digest of the file is %v", test.args, doc.Images[0].SHA256)
			}
		}
	}
}

// TestUnreadable checks that a single unreadable image yields an error only, and among others a part of the answer.
func TestUnreadable(t *testing.T) {
	good, missing := clitest.Image(t, "a.bind", nil), filepath.Join(t.TempDir(), "missing.bind")
	m := machine.New(t)
	if err := Run(t.Context(), m.Console, m.Settings, bind.Open, Options{}, []string{missing}); codeOf(err) != exit.CodeImage || m.Out.Len() > 0 {
		t.Errorf("%v\n%s", err, m.Out)
	}
	if err := Run(t.Context(), m.Console, m.Settings, bind.Open, Options{}, []string{good, missing}); codeOf(err) != exit.CodeImage || !strings.Contains(m.Out.String(), "missing.bind") {
		t.Errorf("%v\n%s", err, m.Out)
	}
}

// TestRefused checks that invalid flags, empty folders and invalid keys are refused.
func TestRefused(t *testing.T) {
	image := clitest.Image(t, "a.bind", nil)
	for name, test := range map[string]struct {
		args []string
		o    Options
		code exit.Code
	}{
		"standard input twice": {[]string{"-", image, "-"}, Options{}, exit.CodeUsage},
		"digest of a header":   {[]string{image}, Options{SHA256: true, Image: images.Options{HeaderOnly: true}}, exit.CodeUsage},
		"an empty folder":      {[]string{t.TempDir()}, Options{}, exit.CodeImage},
		"no image at all":      {[]string{filepath.Dir(clitest.File(t, "notes", []byte("notes of mine")))}, Options{}, exit.CodeImage},
	} {
		m := machine.New(t)
		if err := Run(t.Context(), m.Console, m.Settings, bind.Open, test.o, test.args); codeOf(err) != test.code || m.Out.Len() > 0 {
			t.Errorf("%s: %v\n%s", name, err, m.Out)
		}
	}
	m := machine.New(t)
	m.Put(t, filepath.Join("trusted-keys", "a.pem"), "x")
	if err := Run(t.Context(), m.Console, m.Settings, bind.Open, Options{}, []string{image}); codeOf(err) != exit.CodeSettings {
		t.Errorf("a key that is none: %v", err)
	}
}

// TestEnds checks that an interruption and an answer that cannot be written end the command.
func TestEnds(t *testing.T) {
	image := clitest.Image(t, "a.bind", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := machine.New(t)
	if err := Run(ctx, m.Console, m.Settings, bind.Open, Options{}, []string{image, image}); codeOf(err) != exit.CodeInterrupted || m.Out.Len() > 0 {
		t.Errorf("%v\n%s", err, m.Out)
	}
	for _, asJSON := range []bool{false, true} {
		m.Console.Out, m.Console.JSON = brokenWriter{}, asJSON
		if err := Run(t.Context(), m.Console, m.Settings, bind.Open, Options{}, []string{image}); codeOf(err) != exit.CodeInternal {
			t.Errorf("JSON %v: %v", asJSON, err)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }
