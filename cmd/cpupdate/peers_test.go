package main

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// terminalApp returns an app at a terminal on which the text is typed.
func terminalApp(t *testing.T, typed string) (a *app, said func() string) {
	t.Helper()
	a, out, errOut := testApp(t, strings.NewReader(typed))
	a.con.InTerminal = true
	a.dial = transfer.Dial
	return a, func() string { return out.String() + errOut.String() }
}

func pushHTTPS(t *testing.T, s *peerServer, more ...string) []string {
	t.Helper()
	image := clitest.Image(t, "cp600.bind", nil)
	return append([]string{"push", image, "--minimum-version", "V1 R0.0.0", "--retries", "0", "--method", "https", "--base-url", "https://" + s.address + "/"}, more...)
}

// TestOtherAfterYes checks that yes accepts one key: a peer that presents another key on the next connection is sent
// nothing.
func TestOtherAfterYes(t *testing.T) {
	t.Parallel()
	first, second := madeCertificate{}.make(t), madeCertificate{}.make(t)
	t.Run("https", func(t *testing.T) {
		t.Parallel()
		s := startPeer(t, "https", first, nil)
		s.swap, s.next = 2, second
		a, said := terminalApp(t, "yes\n")
		c := run(t.Context(), a, pushHTTPS(t, s))
		if c != exit.CodeSettings || !strings.Contains(said(), "its key has changed: it is now "+trust.PinOf(second.Leaf).String()) {
			t.Errorf("exit code %d\n%s", c, said())
		}
		if heard := s.heard(); len(heard) > 0 {
			t.Errorf("it was told %q", heard)
		}
	})
	t.Run("ftps", func(t *testing.T) {
		t.Parallel()
		s := startPeer(t, "ftps", first, nil)
		s.swap, s.next = 2, second
		a, said := terminalApp(t, "yes\n")
		a.pass.Variable = secret.New("canary")
		c := run(t.Context(), a, []string{
			"push", clitest.Image(t, "cp600.bind", nil), "--minimum-version", "V1 R0.0.0", "--retries", "0",
			"--method", "ftps", "--server", "127.0.0.1", "--port", s.port(), "--username", "cp",
		})
		if c != exit.CodeSettings || !strings.Contains(said(), "its key has changed") {
			t.Errorf("exit code %d\n%s", c, said())
		}
		for _, line := range s.heard() {
			if strings.HasPrefix(line, "USER") || strings.Contains(line, "canary") {
				t.Errorf("it was told %q", line)
			}
		}
	})
}

// TestNotRemembered checks that a key that cannot be stored is reported, and that nothing is sent.
func TestNotRemembered(t *testing.T) {
	t.Parallel()
	s := startPeer(t, "https", madeCertificate{}.make(t), nil)
	folder := filepath.Join(t.TempDir(), "missing")
	a, said := terminalApp(t, "yes\n")
	c := run(t.Context(), a, pushHTTPS(t, s, "--config", filepath.Join(folder, "site.toml")))
	if c != exit.CodeSettings || !strings.Contains(said(), "the key of "+s.address+" was not stored: writing "+filepath.Join(folder, settings.KnownKeysFile)) {
		t.Errorf("exit code %d\n%s", c, said())
	}
	if heard := s.heard(); len(heard) > 0 {
		t.Errorf("it was told %q", heard)
	}
	if _, err := os.Stat(folder); err == nil {
		t.Error("a folder was made")
	}
}

// TestAnswers checks that only the word yes accepts a key.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := startPeer(t, "https", madeCertificate{}.make(t), nil)
	for typed, want := range map[string]exit.Code{
		"yes\n": exit.CodeOK, "yes\r\n": exit.CodeOK, "yes\nmore\n": exit.CodeOK,
		"YES\n": exit.CodeSettings, "y\n": exit.CodeSettings, " yes\n": exit.CodeSettings, "\n": exit.CodeSettings, "": exit.CodeSettings, "yes": exit.CodeSettings,
		strings.Repeat("yes", 2000): exit.CodeSettings,
	} {
		a, said := terminalApp(t, typed)
		c := run(t.Context(), a, pushHTTPS(t, s))
		list, _, err := a.hosts.Read()
		if err != nil {
			t.Fatal(err)
		}
		if known := list.Find(s.address); c != want || (len(known) == 1) != (want == exit.CodeOK) {
			t.Errorf("%q: exit code %d, known are %v\n%s", typed, c, known, said())
		}
	}
}

// A cancelOn cancels the context when a text is written.
type cancelOn struct {
	mu     sync.Mutex
	text   strings.Builder
	word   string
	cancel func()
}

func (w *cancelOn) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if strings.Contains(w.text.String(), w.word) {
		w.cancel()
	}
	return len(p), nil
}

// TestInterruptedQuestion checks that Ctrl-C at a prompt ends with 130, and that no key is stored.
func TestInterruptedQuestion(t *testing.T) {
	t.Parallel()
	s := startPeer(t, "https", madeCertificate{}.make(t), nil)
	for _, args := range [][]string{pushHTTPS(t, s), {"trust", "add", s.address}} {
		silent, w := io.Pipe()
		defer w.Close()
		a, _, _ := testApp(t, silent)
		a.con.InTerminal, a.dial = true, transfer.Dial
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a.con.Err = &cancelOn{word: "Type yes: ", cancel: cancel}
		if c := run(ctx, a, args); c != exit.CodeInterrupted {
			t.Errorf("%q: exit code %d", args[0], c)
		}
		if _, err := os.Stat(filepath.Join(a.store.Folder, settings.KnownKeysFile)); err == nil {
			t.Error("a key was remembered")
		}
	}
}

// TestMeetAsks checks with which peers a handshake is performed first, and with which it is not.
func TestMeetAsks(t *testing.T) {
	t.Parallel()
	certificate := madeCertificate{}.make(t)
	unknown := &trust.Error{Presented: trust.PinOf(certificate.Leaf), Certificate: certificate.Leaf}
	policy, err := (&option.Trust{CA: clitest.File(t, "ca.pem", []byte(clitest.Authority))}).Trust(t.Context(), "push")
	if err != nil {
		t.Fatal(err)
	}
	known := trust.Policy{Known: []trust.Known{{Pin: trust.Pin{1}}}}
	for _, c := range []struct {
		name           string
		policy         trust.Policy
		terminal, json bool
		handshake      bool
	}{
		{"a script", trust.Policy{}, false, false, false},
		{"a terminal", trust.Policy{}, true, false, true},
		{"for a program", trust.Policy{}, true, true, false},
		{"pinned", trust.Policy{Pins: []trust.Pin{{1}}}, true, false, false},
		{"an authority is stated", policy, true, false, false},
		{"known", known, true, false, false},
		{"old", trust.Policy{Legacy: true}, true, false, true},
	} {
		a, _ := terminalApp(t, "yes\n")
		a.con.InTerminal, a.con.JSON = c.terminal, c.json
		handshakes := 0
		got, err := a.hosts.VerifyOnFirstUse(t.Context(), "Host:443", c.policy, func(_ context.Context, p trust.Policy) error {
			handshakes++
			if p.Legacy != c.policy.Legacy {
				t.Errorf("%s: %+v", c.name, p)
			}
			return unknown
		})
		if err != nil || (handshakes == 1) != c.handshake || got.Legacy != c.policy.Legacy {
			t.Errorf("%s: %v, shaken %d", c.name, err, handshakes)
		}
		if c.handshake && (len(got.Known) != 1 || got.Known[0].Pin != unknown.Presented) {
			t.Errorf("%s: %+v", c.name, got)
		}
		if again, err := a.hosts.PolicyFor(trust.Policy{}, "host:0443"); err != nil || (len(again.Known) == 1) != c.handshake {
			t.Errorf("%s: %+v, %v", c.name, again, err)
		}
	}
	// An unreachable peer, and a peer with a changed key, are left to the real connection.
	for _, err := range []error{nil, io.EOF, &trust.Error{Pinned: true}, &trust.Error{Known: known.Known}} {
		a, _ := terminalApp(t, "")
		if _, got := a.hosts.VerifyOnFirstUse(t.Context(), "host:443", trust.Policy{}, func(context.Context, trust.Policy) error { return err }); got != nil {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// TestPolicyFor checks that the list is not used if an authority or a key is stated, and must be readable otherwise.
func TestPolicyFor(t *testing.T) {
	t.Parallel()
	a, _ := terminalApp(t, "")
	if err := os.WriteFile(filepath.Join(a.store.Folder, settings.KnownKeysFile), []byte("damaged\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.hosts.PolicyFor(trust.Policy{}, "host:443"); exit.Classify(err).Code != exit.CodeSettings || !strings.Contains(err.Error(), "line 1: ") {
		t.Errorf("%v", err)
	}
	pinned := trust.Policy{Pins: []trust.Pin{{1}}}
	if got, err := a.hosts.PolicyFor(pinned, "host:443"); err != nil || len(got.Pins) != 1 || got.Known != nil {
		t.Errorf("%+v, %v", got, err)
	}
	a.store.Folder, a.store.FolderErr = "", io.EOF
	if _, err := a.hosts.PolicyFor(trust.Policy{}, "host:443"); exit.Classify(err).Code != exit.CodeSettings {
		t.Errorf("%v", err)
	}
	a.store.Folder = filepath.Join(clitest.File(t, "file", nil), "settings")
	if _, err := a.hosts.PolicyFor(trust.Policy{}, "host:443"); exit.Classify(err).Code != exit.CodeSettings {
		t.Errorf("a folder that is none: %v", err)
	}
}

// TestKnownKeysAtOnce checks that many processes can add keys at once, and no key is lost.
func TestKnownKeysAtOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			a := newTestApp(&console.Console{}, folder)
			_, err := a.hosts.Change(t.Context(), func(l *trust.List) error {
				return l.Add(trust.Entry{Peer: "host:443", Known: trust.Known{Pin: trust.Pin{byte(i)}}})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, _, err := (&knownhosts.Store{Settings: &settings.Store{Folder: folder}}).Read()
	if err != nil || len(list.Find("host:443")) != 12 {
		t.Errorf("%v, %v", list, err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestHostileCertificate checks that the texts of a certificate cannot draw on the terminal, begin a line, or push the
// fingerprint away, however long they are.
func TestHostileCertificate(t *testing.T) {
	t.Parallel()
	const evil = "\x1b]0;x\a\r\n  fingerprint  sha256:00\u202e\u200b\u3164\x9b2J"
	for name, text := range map[string]string{"short": evil, "of 200 bytes": evil + strings.Repeat("a", 200-len(evil)), "long": strings.Repeat(evil, 400)} {
		certificate := &x509.Certificate{
			RawSubjectPublicKeyInfo: []byte("key"), DNSNames: []string{text, text, text, text},
			Subject: pkix.Name{CommonName: text, Organization: []string{text}}, Issuer: pkix.Name{CommonName: text},
		}
		a, said := terminalApp(t, "")
		e := &trust.Error{Presented: trust.PinOf(certificate), Certificate: certificate, Err: errors.New(text)}
		knownhosts.ShowPresentedKey(a.con, "files.example:443", e)
		lines := strings.Split(strings.TrimSuffix(said(), "\n"), "\n")
		if problem := notPlain(said()); problem != "" || len(said()) > 2000 {
			t.Errorf("%s: %d bytes, %s", name, len(said()), problem)
		}
		if last := lines[len(lines)-1]; last != "  fingerprint  "+e.Presented.String() || strings.Count(said(), "\n  fingerprint ") != 1 {
			t.Errorf("%s: the last line is %q of\n%s", name, last, said())
		}
		if comment := knownhosts.SubjectComment(certificate); notPlain(comment) != "" || strings.Contains(comment, "\n") || len(comment) > 2000 {
			t.Errorf("%s: the comment is %q", name, comment)
		}
	}
}
