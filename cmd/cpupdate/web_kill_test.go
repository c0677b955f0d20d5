package main

import (
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestKilledUpload ends push --web in the middle of an upload, and after it, with and without a chance to say something:
// what it says of the phone is true, the phone keeps what it runs if it got a part only, and the next push goes well.
func TestKilledUpload(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals that one process sends another")
	}
	image, flags := phoneImage(t), serviceFlags(t)
	for _, k := range []struct {
		step, says string
		how        os.Signal
		rate       string
		runs       string // "" for either
		instructed bool
	}{
		{"sending", "interrupted after ", os.Interrupt, "300k", versionOld, false},
		{"sending", "", os.Kill, "300k", versionOld, false},
		{"answered", "interrupted after the whole image was sent: ", os.Interrupt, "1G", "", true},
	} {
		t.Run(k.step+" "+k.how.String(), func(t *testing.T) {
			t.Parallel()
			phone, events, release := watchedPhone(t)
			page := phone.State().WebAddress
			_, port, _ := net.SplitHostPort(page)
			args := append([]string{
				"push", image, phone.Address(), "--web", "--web-port", port, "--pin", pinOf(t, page), "--json", "--hw-level", "3",
				"--password-file", clitest.File(t, "secret", []byte(phonesim.DefaultPassword)),
			}, flags...)
			p := startWebPush(t, append(args, "--limit-rate", k.rate)...)
			if k.step == "sending" {
				awaitEvent(t, events, phonesim.Uploading)
			}
			p.until(k.step)
			if err := p.cmd.Process.Signal(k.how); err != nil {
				t.Fatal(err)
			}
			last := p.rest()
			release()
			if k.how == os.Interrupt {
				checkInterruptedUpload(p, last, k.says, k.instructed)
			}
			if k.instructed {
				awaitEvent(t, events, phonesim.Started)
			} else {
				awaitEvent(t, events, phonesim.Cancelled)
			}
			if got := phone.State().Version.String(); k.runs != "" && got != k.runs {
				t.Errorf("the phone runs %s", got)
			}
			want := "updated"
			if k.instructed {
				want = "nothing-to-do"
			}
			a, out, errOut := testApp(t, nil)
			c := run(t.Context(), a, args)
			if end := lastLine(t, pushLines(t, out.String())); c != exit.CodeOK || end.Outcome != want || phone.State().Version.String() != versionNew {
				t.Errorf("the second push ends with %d: %+v\n%s", c, end, errOut)
			}
		})
	}
}

// startWebPush starts push, and keeps what it says on stderr.
func startWebPush(t *testing.T, args ...string) *pushProcess {
	t.Helper()
	p, errOut := startProcess(t, args...)
	go func() {
		said, _ := io.ReadAll(errOut)
		p.err <- string(said)
	}()
	return p
}

func awaitEvent(t *testing.T, events <-chan phonesim.Event, kind phonesim.Kind) {
	t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		select {
		case e := <-events:
			if e.Kind == kind {
				return
			}
		case <-limit:
			t.Fatalf("the phone never was at %s", kind)
		}
	}
}

func checkInterruptedUpload(p *pushProcess, last pushLine, says string, instructed bool) {
	p.t.Helper()
	e := ran{errOut: <-p.err}.failure(p.t)
	if p.cmd.ProcessState.ExitCode() != int(exit.CodeInterrupted) || e.Kind != "interrupted" || !strings.Contains(e.Message, says) {
		p.t.Errorf("it ended with %v: %+v", p.cmd.ProcessState, e)
	}
	if !instructed && !strings.HasSuffix(e.Message, "the phone still runs "+versionOld) {
		p.t.Errorf("it says %q", e.Message)
	}
	if last.Event != "failed" || last.Told == nil || *last.Told != instructed {
		p.t.Errorf("the last line of the phone is %+v", last)
	}
}

// TestWebLockedOut: a phone that takes no password for now stops the run for the others.
func TestWebLockedOut(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	inMemory(t, func(s *site) {
		locked, pin := s.pagePhone("web-password-suspended", nil)
		other, otherPin := s.pagePhone("ignores-contact", nil) // it is waited for, long enough
		args := []string{
			"push", image, locked.Address(), other.Address(), "--web", "--pin", pin, "--pin", otherPin,
			"--hw-level", "3", "--password-file", clitest.File(s.t, "secret", []byte(webPassword)),
		}
		r := s.run(s.t.Context(), args...)
		r.check(s.t, args)
		for _, want := range []string{
			"cpupdate: 2 of 2 phones are not updated: " + locked.Address() + " (locked-out), " + other.Address() + " (left alone)",
			"hint: locked-out: wait until", "hint: left alone: find the right password first",
		} {
			if !strings.Contains(r.errOut, want) {
				s.t.Errorf("it does not say %q:\n%s", want, r.errOut)
			}
		}
		if r.code != exit.CodeStopped || !strings.Contains(r.out, "left alone") || other.State().Logins > 0 {
			s.t.Errorf("exit code %d, %d logins\n%s", r.code, other.State().Logins, r.out)
		}
	})
}
