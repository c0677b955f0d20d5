package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/natstest"
)

// A sites is phones of another process that are spread over sites, and a server with the journal.
type sites struct {
	*swarm
	server  *server.Server
	proxy   *natstest.Proxy // between the centre and the server
	folder  string
	image   string
	list    string // with sites
	names   []string
	ackWait time.Duration // 0: the default
	file    string        // with the journal of this machine, for commands without the server; "": each command has another one
}

// newSites starts phones and a server.
func newSites(t *testing.T, phones int, names ...string) *sites {
	t.Helper()
	return newSitesOf(t, newSwarm(t, phones), names...)
}

// newSitesOf is newSites with phones that were started.
func newSitesOf(t *testing.T, phones *swarm, names ...string) *sites {
	t.Helper()
	s := &sites{swarm: phones, folder: t.TempDir(), names: names, image: newImageOf(t, 300<<10)}
	s.server = natstest.Run(t, natstest.Options(t.TempDir()))
	s.proxy = natstest.NewProxy(t, s.server)
	s.list = s.withSites()
	return s
}

// withSites writes the list of the phones with their sites, one after the other.
func (s *sites) withSites() string {
	s.t.Helper()
	text, err := os.ReadFile(s.swarm.list)
	if err != nil {
		s.t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		s.t.Fatal(err)
	}
	column := slices.Index(rows[0], "site")
	for i := range rows[1:] {
		rows[i+1][column] = s.names[i%len(s.names)]
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	if err := w.WriteAll(rows); err != nil {
		s.t.Fatal(err)
	}
	list := filepath.Join(s.folder, "sites.csv")
	if err := os.WriteFile(list, out.Bytes(), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return list
}

// centre runs a command of rollout with the server.
func (s *sites) centre(args ...string) ran {
	s.t.Helper()
	a, out, errOut := testApp(s.t, nil)
	a.record.AckWait, a.record.Variable = s.ackWait, s.file
	c := run(s.t.Context(), a, append(append([]string{"rollout"}, args...), "--nats", s.proxy.URL()))
	return ran{c, out.String(), errOut.String()}
}

// plan plans the rollout "spring".
func (s *sites) plan(args ...string) {
	s.t.Helper()
	plan := []string{"plan", s.image, "--phones", s.list, "--offline", "--name", "spring", "--pause", "none", "--stop-on", "any=1000"}
	if r := s.centre(append(plan, args...)...); r.code != exit.CodeOK {
		s.t.Fatalf("plan: %d\n%s", r.code, r.errOut)
	}
}

// A siteWorker is rollout work in this process.
type siteWorker struct {
	t           *testing.T
	out, errOut *safeBuffer
	stop        context.CancelFunc
	ended       chan exit.Code
}

// A safeBuffer is a buffer that several goroutines use.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
	wake chan struct{}
}

func newSafeBuffer() *safeBuffer { return &safeBuffer{wake: make(chan struct{})} }

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.wake)
	b.wake = make(chan struct{})
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	text, _ := b.read()
	return text
}

// read returns the text, and a channel that is closed when there is more.
func (b *safeBuffer) read() (string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String(), b.wake
}

// until waits until a text has been written.
func (w *siteWorker) until(text string) {
	w.t.Helper()
	w.untilIn(w.out, text)
}

// untilIn waits until a text has been written to standard output or standard error.
func (w *siteWorker) untilIn(b *safeBuffer, text string) {
	w.t.Helper()
	for {
		out, more := b.read()
		if strings.Contains(out, text) {
			return
		}
		select {
		case <-more:
		case code := <-w.ended:
			w.ended <- code // for the caller
			if out, _ := b.read(); !strings.Contains(out, text) {
				w.t.Fatalf("%q is not said; the worker ended with %d\n%s%s", text, code, w.out, w.errOut)
			}
			return
		}
	}
}

// work starts a worker of a site, which reaches the server by a URL.
func (s *sites) work(url, name string) *siteWorker {
	s.t.Helper()
	certificate, key := clitest.ServiceFiles(s.t)
	return s.start(
		"rollout", "work", "--nats", url, "--site", name, "--service-cert", certificate, "--service-key", key, "--listen", "127.0.0.1:0",
		"--contact-interval", "100ms", "--patience", "20s", "--probe-interval", "50ms",
	)
}

// start starts a command in another goroutine.
func (s *sites) start(args ...string) *siteWorker {
	s.t.Helper()
	w := &siteWorker{t: s.t, out: newSafeBuffer(), errOut: newSafeBuffer(), ended: make(chan exit.Code, 1)}
	a := newTestApp(&console.Console{In: strings.NewReader(""), Out: w.out, Err: w.errOut, Width: 80}, s.t.TempDir())
	a.con.KeepPipes = func() {}
	a.con.Ask = func(context.Context, string) (string, error) { return "", io.EOF }
	a.record.Variable = s.file
	a.cache = filepath.Join(s.t.TempDir(), "images")
	var ctx context.Context
	ctx, w.stop = context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.ended <- run(ctx, a, args)
	}()
	s.t.Cleanup(func() {
		w.stop()
		<-done
		if s.t.Failed() {
			s.t.Logf("%q:\n%s%s", args, w.out, w.errOut)
		}
	})
	return w
}

// end stops the worker as Ctrl-C does.
func (w *siteWorker) end() {
	w.t.Helper()
	w.stop()
	if code := <-w.ended; code != exit.CodeOK {
		w.t.Errorf("exit code %d\n%s%s", code, w.out, w.errOut)
	}
}

// checkOnce looks at how often phones were instructed.
func (s *sites) checkOnce() {
	s.t.Helper()
	for address, n := range s.instructed() {
		if n > 1 {
			s.t.Errorf("%s got %d update commands", address, n)
		}
	}
}

// agree ends the phones: each runs the new version.
func (s *sites) agree() {
	s.t.Helper()
	s.checkOnce()
	for address, state := range s.end() {
		if state.Version != versionNew {
			s.t.Errorf("%s runs %s", address, state.Version)
		}
	}
}

// TestSites plans a rollout of three sites, and has three workers carry it out.
func TestSites(t *testing.T) {
	t.Parallel()
	s := newSites(t, 12, "berlin", "paris", "são paulo")
	s.plan("--waves", "2,5,rest")
	var workers []*siteWorker
	for _, name := range s.names {
		workers = append(workers, s.work(s.server.ClientURL(), name))
	}
	r := s.centre("run", "spring")
	if r.code != exit.CodeOK {
		t.Fatalf("run: %d\n%s%s", r.code, r.out, r.errOut)
	}
	saysAll(t, r.out, "wave 1 of 3", "wave 3 of 3", "rollout spring: done")
	for _, w := range workers {
		w.until("nothing is left to do here")
	}
	s.agree()
	saysAll(t, s.centre("status", "spring").out, "rollout spring: done", "wave 2  5     5 phones  5 updated, 0 failed")
	saysAll(t, s.centre("list").out, "spring", "12 updated, 0 failed")
	if r := s.centre("report", "spring", "--csv"); r.code != exit.CodeOK || strings.Count(r.out, "\n") != 13 {
		t.Errorf("report: %d\n%s%s", r.code, r.out, r.errOut)
	}
	for _, w := range workers {
		w.end()
	}
}

// TestSitesAsk asks a person at the centre before each wave. The answer no ends the command, and the rollout goes on later.
func TestSitesAsk(t *testing.T) {
	t.Parallel()
	s := newSites(t, 4, "berlin", "paris")
	s.plan("--waves", "1,1,rest", "--pause", "each")
	s.work(s.server.ClientURL(), "berlin")
	s.work(s.server.ClientURL(), "paris")
	for round, row := range []struct {
		answers []string
		code    exit.Code
		want    string
	}{
		{[]string{"yes", "no"}, exit.CodeStopped, "wave 3 was not begun"},
		{[]string{"yes"}, exit.CodeOK, ""},
	} {
		a, out, errOut := testApp(t, nil)
		a.con.InTerminal = true
		asked := 0
		a.con.Hidden = func(_ context.Context, text string) (string, error) {
			if asked++; asked > len(row.answers) {
				return "", io.EOF
			}
			errOut.WriteString(text)
			return row.answers[asked-1], nil
		}
		code := run(t.Context(), a, []string{"rollout", "run", "spring", "--nats", s.proxy.URL()})
		if code != row.code || asked != len(row.answers) || !strings.Contains(errOut.String(), row.want) || strings.Contains(out.String(), "waits for you") {
			t.Errorf("round %d: exit code %d, asked %d times\n%s%s", round, code, asked, out, errOut)
		}
	}
	s.agree()
}

// TestSitesAnswerTooLate answers the question about a wave after another person has decided about the rollout: that counts, not the answer.
func TestSitesAnswerTooLate(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		decided, answer string
		code            exit.Code
		want            string
		told            int
	}{
		{"stop", "yes", exit.CodeStopped, "stopped by a person", 1},
		{"resume", "no", exit.CodeOK, "", 2},
	} {
		t.Run(row.decided, func(t *testing.T) {
			t.Parallel()
			s := newSites(t, 2, "berlin", "paris")
			s.plan("--waves", "1,rest", "--pause", "each")
			s.work(s.server.ClientURL(), "berlin")
			s.work(s.server.ClientURL(), "paris")
			a, out, errOut := testApp(t, nil)
			a.con.InTerminal = true
			a.con.Hidden = func(_ context.Context, text string) (string, error) {
				if r := s.centre(row.decided, "spring"); r.code != exit.CodeOK {
					t.Errorf("%s: %d\n%s", row.decided, r.code, r.errOut)
				}
				return row.answer, nil
			}
			code := run(t.Context(), a, []string{"rollout", "run", "spring", "--nats", s.proxy.URL()})
			if code != row.code || !strings.Contains(errOut.String(), row.want) || strings.Contains(errOut.String(), "was not begun") {
				t.Errorf("exit code %d\n%s%s", code, out, errOut)
			}
			if told := len(s.instructed()); told != row.told {
				t.Errorf("%d phones were instructed", told)
			}
			s.checkOnce()
		})
	}
}

// TestSitesLimit stops all sites when the limit of a wave is reached at one of them. Resume lets the workers go on, without rollout run.
func TestSitesLimit(t *testing.T) {
	t.Parallel()
	s := newSitesOf(t, newSwarm(t, 6, "--fault", "1=reject-image"), "berlin", "paris")
	s.plan("--waves", "2,rest", "--stop-on", "rejected=1", "--attempts", "1")
	berlin, paris := s.work(s.server.ClientURL(), "berlin"), s.work(s.server.ClientURL(), "paris")
	r := s.centre("run", "spring")
	if r.code != exit.CodeStopped || !strings.Contains(r.errOut, "stopped: wave 1 has reached the limit rejected=1") || !strings.Contains(r.errOut, "cpupdate rollout resume spring --nats "+s.proxy.URL()) {
		t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	berlin.until("stopped by a limit")
	paris.until("stopped by a limit")
	if told := len(s.instructed()); told > 2 {
		t.Errorf("%d phones were instructed", told)
	}
	if r := s.centre("resume", "spring"); r.code != exit.CodeOK {
		t.Fatalf("resume: %d\n%s", r.code, r.errOut)
	}
	berlin.until("nothing is left to do here")
	paris.until("nothing is left to do here")
	if r := s.centre("run", "spring"); r.code != exit.CodePartial {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	s.checkOnce()
}

// saysAll looks for texts in another one.
func saysAll(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
}
