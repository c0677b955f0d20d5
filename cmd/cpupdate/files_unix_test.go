//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// filesOfFlags returns command lines in which FILE is read for a flag or an argument. GOOD is a file that is not read before it,
// IMAGE an image.
func filesOfFlags() map[string]string {
	return map[string]string{
		"push --ca":                  "push IMAGE --method ftps --server 127.0.0.1 --username x --ca FILE",
		"push --hardware":            "push IMAGE 127.0.0.1 --serve --hardware FILE",
		"push --phones":              "push IMAGE --serve --phones FILE",
		"push --service-cert":        "push IMAGE 127.0.0.1 --serve --hw-level 3 --service-cert FILE --service-key GOOD",
		"push --service-key":         "push IMAGE 127.0.0.1 --serve --hw-level 3 --service-cert GOOD --service-key FILE",
		"push --phone-ca":            "push IMAGE 127.0.0.1 --serve --hw-level 3 --phone-ca FILE",
		"push --trusted-key":         "push IMAGE 127.0.0.1 --serve --trusted-key FILE",
		"push --password-file":       "push IMAGE --method ftp --server 127.0.0.1 --username x --override --reason test --password-file FILE",
		"check --phones":             "check IMAGE --phones FILE",
		"check --hardware":           "check IMAGE --hardware FILE",
		"check --trusted-key":        "check IMAGE --trusted-key FILE",
		"inspect --trusted-key":      "inspect IMAGE --trusted-key FILE",
		"inspect":                    "inspect FILE",
		"pack --key":                 "pack GOOD --software-version 1.2.3.0 --software-type x --hw-levels 3 --key FILE -o OUT",
		"pack":                       "pack FILE --software-version 1.2.3.0 --software-type x --hw-levels 3 -o OUT",
		"describe --key":             "describe GOOD --model CP600 --software-version 1.2.3.0 --software-type x --hw-levels 3 --key FILE",
		"phone --phones":             "phone --phones FILE",
		"doctor --phones":            "doctor --serve --phones FILE",
		"defaults set --ca":          "defaults set --method ftps --server x --username x --ca FILE",
		"defaults set, password":     "defaults set --method ftps --server x --username x --password-file FILE",
		"simulate --phones":          "simulate --phones FILE -o OUT",
		"simulate --ca":              "simulate --ca FILE -o OUT",
		"simulate --phone-cert":      "simulate --phone-cert FILE --phone-key GOOD -o OUT",
		"simulate --phone-key":       "simulate --phone-cert GOOD --phone-key FILE -o OUT",
		"simulate, the web password": "simulate --web 127.0.0.1 --web-password-file FILE -o OUT",
		"--config":                   "defaults show --config FILE",
	}
}

// TestFilesOfFlags gives every flag that names a file what is none: a device without an end, a folder, a file that is too large,
// and a FIFO into which nobody writes, for which the command waits until it is interrupted.
func TestFilesOfFlags(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	large, fifo := filepath.Join(folder, "large"), filepath.Join(folder, "fifo")
	if err := os.WriteFile(large, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<40); err != nil { // it takes no room
		t.Log(err)
		large = ""
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	image := clitest.Image(t, "cp600.bind", nil)
	for name, line := range filesOfFlags() {
		for what, file := range map[string]string{"a device": "/dev/zero", "a folder": folder, "a large file": large, "a FIFO": fifo} {
			if file == "" || what == "a large file" && (name == "inspect" || name == "pack") { // these have no limit
				continue
			}
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				out := filepath.Join(t.TempDir(), "out")
				args := strings.Fields(strings.NewReplacer("FILE", file, "GOOD", image, "IMAGE", image, "OUT", out).Replace(line))
				a, _, errOut := testApp(t, strings.NewReader(""))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				regular := slices.Contains([]string{"inspect", "pack", "--config"}, name) // these take no pipe
				if what == "a FIFO" && !regular {
					defer time.AfterFunc(50*time.Millisecond, cancel).Stop()
				}
				code := run(ctx, a, args)
				switch {
				case what == "a FIFO" && !regular:
					if code != exit.CodeInterrupted {
						t.Errorf("code %d: %s", code, errOut)
					}
				case code == exit.CodeOK || code == exit.CodeInternal || code == exit.CodeInterrupted || !strings.Contains(errOut.String(), file):
					t.Errorf("code %d: %s", code, errOut)
				}
				if _, err := os.Stat(out); err == nil {
					t.Error("something was written")
				}
			})
		}
	}
}
