package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// moments are when a file changes that is uploaded: a step, or when the first chunk is out.
func moments() []transfer.Step { return []transfer.Step{transfer.StepSend, firstChunk} }

const firstChunk transfer.Step = "the first chunk is sent"

// TestPushChangedWhileSending: what lies on a server is what was verified, or nothing does. The image changes when its upload
// begins, and when its first chunk is out: what changes behind the part that was sent does not matter.
func TestPushChangedWhileSending(t *testing.T) {
	t.Parallel()
	flags := []string{"--no-overwrite", "--verify=readback", "--sha256", "--json", "--in-place"}
	number := 0
	for _, image := range sealedImages(t) {
		for _, c := range changes() {
			for _, method := range []transfer.Method{transfer.FTP, transfer.HTTPS} {
				for _, moment := range moments() {
					number++
					flag := flags[number%len(flags)]
					if method == transfer.HTTPS && flag == "--in-place" { // there is no such thing
						flag = "--retries=2"
					}
					t.Run(fmt.Sprintf("%s %s by %s when %s, %s", image.format, c.name, method, moment, flag), func(t *testing.T) {
						t.Parallel()
						s := startChangedServer(t, method)
						r := pushWhile(t, &image, c, s, moment, flag)
						s.checkSent(t, r, image, c, moment)
					})
				}
			}
		}
	}
}

// TestPushChangedBetweenTries: the server cuts the first try in the middle, and the image changes before the second.
func TestPushChangedBetweenTries(t *testing.T) {
	t.Parallel()
	for _, image := range sealedImages(t) {
		for _, c := range changes() {
			for _, flag := range []string{"--no-overwrite", "--in-place"} {
				if image.format != "CPB" && flag == "--in-place" {
					continue
				}
				t.Run(fmt.Sprintf("%s %s, %s", image.format, c.name, flag), func(t *testing.T) {
					t.Parallel()
					ftp := badserver.NewFTP(t, badserver.First(1, badserver.Incoming, badserver.CutAfter(badserver.Some)))
					s := changedServer{canaryFlags(ftp.Access(), ""), ftp.Files, ftp.Log, ftp.WaitClosed}
					r := pushWhile(t, &image, c, s, transfer.StepRetry, flag, "--retries", "2", "--timeout", "10s")
					s.checkSent(t, r, image, c, transfer.StepRetry)
				})
			}
		}
	}
}

// pushWhile pushes an image that changes at a moment of its upload.
func pushWhile(t *testing.T, image *sealedImage, c change, s changedServer, moment transfer.Step, flags ...string) ran {
	t.Helper()
	name := image.write(t)
	alter := c.once(t, name, image)
	a, out, errOut := testApp(t, nil)
	a.dial = func(ctx context.Context, access transfer.Access, o transfer.Options) (transfer.Store, error) {
		event, sent := o.Event, o.Sent
		o.Event = func(e transfer.Event) {
			if e.Step == moment {
				alter()
			}
			event(e)
		}
		o.Sent = func(n int64) {
			if moment == firstChunk && n > 0 {
				alter()
			}
			sent(n)
		}
		return dialPatiently(ctx, access, o)
	}
	password := clitest.File(t, "password", []byte(badserver.Password))
	args := slices.Concat([]string{"push", name, "--hw-level", "3", "--password-file", password}, image.flags, s.flags, []string{"--username", badserver.User}, flags)
	code := run(t.Context(), a, args)
	s.check()
	return ran{code, out.String(), errOut.String()}
}

// checkSent checks that the server has the image as it was verified, or no file and the command failed.
func (s changedServer) checkSent(t *testing.T, r ran, image sealedImage, c change, moment transfer.Step) {
	t.Helper()
	files := s.files()
	whole := len(files) == 1
	for _, text := range files {
		whole = whole && bytes.Equal(text, image.text)
	}
	harmless := c.harmless
	if moment == firstChunk && !c.atEnd {
		harmless = r.code == exit.CodeOK // the change may lie before what was still to be sent
	}
	switch {
	case harmless && r.code == exit.CodeOK && whole:
	case !harmless && r.code == exit.CodeImage && len(files) == 0 && !strings.Contains(r.out, `"event":"sent"`) && !strings.Contains(r.out, "proof"):
	default:
		t.Errorf("exit code %d; %d files on the server, as it was verified: %t\n%s%s", r.code, len(files), whole, r.out, r.errOut)
	}
}

// TestPushChangedBeforePhones: an image that changes while it is sent to a server is announced to no phone.
func TestPushChangedBeforePhones(t *testing.T) {
	t.Parallel()
	for _, image := range sealedImages(t) {
		for _, c := range changes() {
			if c.harmless {
				continue
			}
			t.Run(image.format+" "+c.name, func(t *testing.T) {
				t.Parallel()
				s := startChangedServer(t, transfer.FTP)
				phone := startPhone(t, "", nil)
				r := pushWhile(t, &image, c, s, transfer.StepSend, append([]string{phone.Address()}, serviceFlags(t)...)...)
				s.checkSent(t, r, image, c, transfer.StepSend)
				if state := phone.State(); state.Contacts > 0 {
					t.Errorf("the phone was contacted %d times", state.Contacts)
				}
			})
		}
	}
}
