package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/natstest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	sitequeue "github.com/cpupdate/cpupdate/pkg/site"
)

// takenOver is after which time another worker gets the site of one that is not heard of. Nothing fails if a slow machine exceeds it.
const takenOver = 4 * time.Second

// ledger opens the journal, past the proxy.
func (s *sites) ledger() *jetstream.Ledger {
	s.t.Helper()
	return natstest.Open(s.t, jetstream.Options{URL: s.server.ClientURL()})
}

// await waits until the journal has a number of events of a kind about the rollout.
func (s *sites) await(kind journal.Kind, count int) {
	s.t.Helper()
	for r, err := range s.ledger().Watch(s.t.Context(), "spring", 0) {
		if err != nil {
			s.t.Fatal(err)
		}
		if r.Event.Body.Kind() == kind {
			if count--; count == 0 {
				return
			}
		}
	}
}

// begin runs the rollout at the centre, in another goroutine.
func (s *sites) begin() <-chan ran {
	ended := make(chan ran, 1)
	go func() { ended <- s.centre("run", "spring") }()
	s.t.Cleanup(func() {
		if len(ended) == 0 {
			s.proxy.Lead(nil) // a test that failed does not wait for the rollout
			s.proxy.Cut()
		}
	})
	return ended
}

// TestWorkerKilledManyTimes kills workers at random moments. Another worker goes on each time, no phone gets a second update command before a
// person allows it, and in the end each phone runs the new version.
//
//	KILLS=20 PHONES=100 go test -run TestWorkerKilledManyTimes ./cmd/cpupdate
func TestWorkerKilledManyTimes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals that one process sends another")
	}
	t.Parallel()
	kills, phones := number(t, "KILLS", 2), number(t, "PHONES", 12)
	s := newSites(t, phones, "berlin")
	s.ackWait = takenOver
	s.plan("--waves", "2,rest", "--settle", "2s", "--parallel", "3")
	seed := rand.Uint64() //nolint:gosec // moments
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // moments
	ended := s.begin()
	seen := 0
	for range kills {
		kill := s.process("berlin")
		seen += 1 + random.IntN(4)
		s.await(journal.KindBegun, min(seen, phones))
		kill()
	}
	s.work(s.server.ClientURL(), "berlin")
	r := <-ended
	s.checkOnce()
	for tries := 0; r.code != exit.CodeOK; tries++ {
		if r.code != exit.CodePartial || tries > 8 {
			t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.errOut)
		}
		if r := s.centre("retry", "spring"); r.code != exit.CodeOK {
			t.Fatalf("retry: %d\n%s", r.code, r.errOut)
		}
		r = s.centre("run", "spring")
	}
	for address, state := range s.end() {
		if state.Version != versionNew {
			t.Errorf("%s runs %s", address, state.Version)
		}
	}
}

// process starts a worker in a process of its own, and returns what kills it.
func (s *sites) process(name string) (kill func()) {
	s.t.Helper()
	certificate, key := clitest.ServiceFiles(s.t)
	cmd := exec.CommandContext(s.t.Context(), "cpupdate", "rollout", "work", "--nats", s.server.ClientURL(), "--site", name, "--image-cache", filepath.Join(s.folder, "images"),
		"--service-cert", certificate, "--service-key", key, "--listen", "127.0.0.1:0", "--contact-interval", "100ms", "--patience", "20s", "--probe-interval", "50ms")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if s.t.Failed() {
			s.t.Logf("worker that was killed:\n%s", out.String())
		}
	})
	return kill
}

// TestTwoWorkers has two workers at a site: one works, the other one waits. When the first one is told to end, it follows its phones, and the
// other one goes on.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	s := newSites(t, 10, "berlin")
	s.plan("--waves", "rest", "--parallel", "2", "--start-rate", "60/m") // the first worker is told to end long before it is done
	first, ended := s.work(s.server.ClientURL(), "berlin"), s.begin()
	first.until("begins: 10 phones here")
	second := s.work(s.server.ClientURL(), "berlin")
	s.await(journal.KindInstructing, 3)
	first.stop()
	if code := <-first.ended; code != exit.CodeOK || !strings.Contains(first.out.String(), "given back") || !strings.Contains(first.errOut.String(), "interrupted: no phone is begun any more") {
		t.Errorf("the first worker ends with %d\n%s%s", code, first.out, first.errOut)
	}
	second.until("begins: 10 phones here")
	if r := <-ended; r.code != exit.CodeOK {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	s.agree()
	s.checkRuns(2)
}

// TestWorkerOfUnfitRollout has a worker that cannot carry out a rollout with its flags. It says so, and goes on with another rollout, which a
// person stopped. Flags that no rollout could be carried out with end it at the start.
func TestWorkerOfUnfitRollout(t *testing.T) {
	t.Parallel()
	s := newSites(t, 2, "berlin")
	s.plan("--waves", "rest", "--reinstall") // a worker that does not serve the image itself could not verify it
	s.plan("--waves", "rest", "--reinstall", "--name", "summer")
	var runs []*siteWorker
	for _, name := range []string{"spring", "summer"} {
		r := s.start("rollout", "run", name, "--nats", s.server.ClientURL())
		r.untilIn(r.errOut, "offered to the workers")
		runs = append(runs, r)
	}
	if r := s.centre("stop", "summer"); r.code != exit.CodeOK {
		t.Fatalf("stop: %d\n%s", r.code, r.errOut)
	}
	flags := []string{"rollout", "work", "--nats", s.server.ClientURL(), "--site", "berlin", "--listen", "127.0.0.1:0", "--server", "192.0.2.1", "--username", "anonymous"}
	worker := s.start(flags...)
	worker.until("rollout summer at site berlin: stopped by a person")
	saysAll(t, worker.errOut.String(), "warning: spring: the plan does not fit the flags of this worker", "--reinstall")
	worker.end()
	if r := s.centre("stop", "spring"); r.code != exit.CodeOK {
		t.Fatalf("stop: %d\n%s", r.code, r.errOut)
	}
	for _, r := range runs {
		if code := <-r.ended; code != exit.CodeStopped {
			t.Errorf("exit code %d\n%s%s", code, r.out, r.errOut)
		}
	}
	wrong := s.start(append(flags, "--limit-rate", "much")...)
	if code := <-wrong.ended; code != exit.CodeUsage || strings.Contains(wrong.out.String(), "waits for a rollout") {
		t.Errorf("wrong flags: exit code %d\n%s%s", code, wrong.out, wrong.errOut)
	}
	if told := len(s.instructed()); told > 0 {
		t.Errorf("%d phones were instructed", told)
	}
}

// TestSiteOfAnotherRollout begins a rollout at a site whose worker is kept by another one that is paused: the centre says by which.
func TestSiteOfAnotherRollout(t *testing.T) {
	t.Parallel()
	s := newSites(t, 2, "berlin", "paris")
	s.plan("--waves", "rest")
	ended := s.begin()
	if r := s.centre("pause", "spring"); r.code != exit.CodeOK {
		t.Fatalf("pause: %d\n%s", r.code, r.errOut)
	}
	worker := s.work(s.server.ClientURL(), "berlin")
	worker.until("rollout spring at site berlin: paused")
	s.plan("--waves", "rest", "--name", "summer")
	summer := s.start("rollout", "run", "summer", "--nats", s.server.ClientURL())
	summer.untilIn(summer.errOut, "the newest run at berlin is of rollout spring")
	status := s.centre("status", "summer")
	saysAll(t, status.out, "the newest run there", "of rollout spring, which is not complete")
	if strings.Count(status.out, "no run has begun there yet") != 2 || strings.Count(status.out, "rollout spring") != 1 { // nothing is known of paris
		t.Errorf("status:\n%s", status.out)
	}
	saysAll(t, s.centre("status", "summer", "--json").out, `"other_rollout": "spring"`)
	if r := s.centre("stop", "spring"); r.code != exit.CodeOK {
		t.Fatalf("stop: %d\n%s", r.code, r.errOut)
	}
	if r := <-ended; r.code != exit.CodeStopped {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	worker.until("rollout summer at site berlin: begins")
	s.work(s.server.ClientURL(), "paris")
	if code := <-summer.ended; code != exit.CodeOK {
		t.Errorf("exit code %d\n%s%s", code, summer.out, summer.errOut)
	}
	s.agree()
}

// checkRuns looks for a phone that a run instructed after another run had begun.
func (s *sites) checkRuns(runs int) {
	s.t.Helper()
	now, begun, late := "", 0, map[journal.Key]bool{}
	for r, err := range s.ledger().ReadAll(s.t.Context(), "spring") {
		if err != nil {
			s.t.Fatal(err)
		}
		switch body := r.Event.Body.(type) {
		case journal.RunBegun:
			now = body.Run
			begun++
		case journal.Instructing:
			late[r.Key] = body.Run != now // if so, it looks again, and does not instruct the phone
		case journal.Instructed:
			if late[r.Key] {
				s.t.Errorf("%s was instructed by a run after another one had begun", r.Key)
			}
		}
	}
	if begun < runs { // there are more if a machine was too slow for a heartbeat
		s.t.Errorf("%d runs", begun)
	}
}

// TestWorkerCutOff has a worker lose its connection while phones are on their way. Another one takes over; when the first one is back it instructs
// nobody, not even a phone of which it had just recorded that it would: the second one follows that phone for --settle.
func TestWorkerCutOff(t *testing.T) {
	t.Parallel()
	s := newSites(t, 10, "berlin")
	s.ackWait = takenOver
	s.plan("--waves", "rest", "--parallel", "2", "--settle", "2s", "--start-rate", "60/m") // the first worker is cut off long before it is done
	way := natstest.NewProxy(t, s.server)
	first, ended := s.work(way.URL(), "berlin"), s.begin()
	s.await(journal.KindInstructing, 2)
	way.Lead(nil)
	way.Cut()
	second := s.work(s.server.ClientURL(), "berlin")
	second.until("begins: 10 phones here")
	way.Lead(s.server)
	if r := <-ended; r.code != exit.CodeOK && r.code != exit.CodePartial {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	s.checkOnce()
	s.checkRuns(2)
	first.end()
	second.end()
	saysAll(t, first.errOut.String(), "warning: spring: ")
}

// TestServerOfSitesRestarts restarts the server while phones are on their way.
func TestServerOfSitesRestarts(t *testing.T) {
	t.Parallel()
	s := newSites(t, 8, "berlin", "paris")
	s.plan("--waves", "rest", "--parallel", "2", "--start-rate", "30/m") // the server restarts long before they are done
	berlin, paris := s.work(s.proxy.URL(), "berlin"), s.work(s.proxy.URL(), "paris")
	ended := s.begin()
	s.await(journal.KindInstructing, 2)
	folder := s.server.StoreDir()
	s.proxy.Lead(nil)
	s.server.Shutdown()
	s.server.WaitForShutdown()
	s.proxy.Cut()
	s.server = natstest.Run(t, natstest.Options(strings.TrimSuffix(folder, "/jetstream")))
	s.proxy.Lead(s.server)
	r := <-ended
	if r.code != exit.CodeOK {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	text := regexp.MustCompile(`\s+`).ReplaceAllString(r.errOut, " ")
	saysAll(t, text, "warning: spring: the server of the journal cannot be reached: nothing new is shown until it can; it is tried again", "note: spring: the server of the journal can be reached again")
	text = regexp.MustCompile(`\s+`).ReplaceAllString(berlin.errOut.String()+paris.errOut.String(), " ")
	saysAll(t, text, "warning: spring: the server of the journal cannot be reached: no phone is begun until it can", "note: spring: the server of the journal can be reached again")
	s.agree()
}

// TestDamagedImageOnServer has an image on the server that is another one: nobody is instructed. To plan with the image again repairs it.
func TestDamagedImageOnServer(t *testing.T) {
	t.Parallel()
	s := newSites(t, 2, "berlin")
	s.plan("--waves", "rest")
	ledger := s.ledger()
	saved, err := rollout.Load(t.Context(), ledger, "spring")
	if err != nil {
		t.Fatal(err)
	}
	objects, err := ledger.JetStream().ObjectStore(t.Context(), sitequeue.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	damaged := make([]byte, saved.Plan.Images[0].Size)
	if _, err := objects.PutBytes(t.Context(), saved.Plan.Images[0].SHA256, damaged); err != nil {
		t.Fatal(err)
	}
	if err := (sitequeue.Queue{Ledger: ledger}).Offer(t.Context(), "spring", "berlin"); err != nil {
		t.Fatal(err)
	}
	w := s.work(s.server.ClientURL(), "berlin")
	w.untilErr("is damaged on the server: it has another digest; store it again: make another plan with the same image at the centre")
	if r := s.centre("plan", s.image, "--phones", s.list, "--offline", "--name", "summer", "--pause", "none"); r.code != exit.CodeOK {
		t.Fatalf("plan: %d\n%s", r.code, r.errOut)
	}
	if len(s.instructed()) > 0 {
		t.Error("a phone was instructed")
	}
	if r := s.centre("run", "summer"); r.code != exit.CodeOK {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	s.agree()
}

// untilErr is until for standard error, where lines may be wrapped.
func (w *siteWorker) untilErr(text string) {
	w.t.Helper()
	blanks := regexp.MustCompile(`\s+`)
	for {
		out, more := w.errOut.read()
		if strings.Contains(blanks.ReplaceAllString(out, " "), text) {
			return
		}
		select {
		case <-more:
		case code := <-w.ended:
			w.t.Fatalf("%q is not said; the worker ended with %d\n%s%s", text, code, w.out, w.errOut)
		}
	}
}

// TestPlanOfNewerProgram has a plan that needs a newer program: the worker refuses it, and the centre's commands still show it.
func TestPlanOfNewerProgram(t *testing.T) {
	t.Parallel()
	s := newSites(t, 2, "berlin")
	s.plan("--waves", "rest")
	ledger := s.ledger()
	for r, err := range ledger.ReadAll(t.Context(), "spring") {
		if err != nil {
			t.Fatal(err)
		}
		key, body := r.Key, r.Event.Body
		if planned, is := body.(journal.Planned); is {
			var head map[string]any
			if err := json.Unmarshal(planned.Plan, &head); err != nil {
				t.Fatal(err)
			}
			head["program"] = rollout.Program + 1
			if planned.Plan, err = json.Marshal(head); err != nil {
				t.Fatal(err)
			}
			body = planned
		}
		key.Rollout = "future"
		if _, err := ledger.Append(t.Context(), key, 0, journal.Event{At: r.Event.At, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	if err := (sitequeue.Queue{Ledger: ledger}).Offer(t.Context(), "future", "berlin"); err != nil {
		t.Fatal(err)
	}
	w := s.work(s.server.ClientURL(), "berlin")
	w.untilErr(`warning: future: rollout "future": the plan needs a newer cpupdate than this one to be carried out; use the cpupdate that made the plan, or a newer one`)
	if len(s.instructed()) > 0 {
		t.Error("a phone was instructed")
	}
	if r := s.centre("status", "future"); r.code != exit.CodeOK {
		t.Errorf("status: %d\n%s", r.code, r.errOut)
	}
	if r := s.centre("run", "spring"); r.code != exit.CodeOK {
		t.Errorf("another rollout: %d\n%s", r.code, r.errOut)
	}
}

// TestSitesUsage refuses flags that do not belong together, and says what to do.
func TestSitesUsage(t *testing.T) {
	t.Parallel()
	s := newSites(t, 2, "berlin")
	s.plan("--waves", "rest")
	url := s.proxy.URL()
	flat := filepath.Join(s.folder, "flat.csv")
	if err := os.WriteFile(flat, []byte("address,note,hw_level\n192.0.2.1,hall,3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		args string
		code exit.Code
		want string
	}{
		{"status spring --nats " + url + " --journal x.db", exit.CodeUsage, "--journal cannot be used with --nats"},
		{"status spring --nats-creds x.nk", exit.CodeUsage, "--nats-creds is about the server of --nats, which is missing"},
		{"status spring --nats-ca x.pem", exit.CodeUsage, "--nats-ca is about the server of --nats"},
		{"status spring --nats nats://192.0.2.1", exit.CodeUsage, "is not encrypted"},
		{"status spring --nats centre.example", exit.CodeUsage, "tls://HOST:PORT"},
		{"status spring --nats " + url + " --nats-creds missing.nk", exit.CodeSettings, "the file with the login"},
		{"status other --nats " + url, exit.CodeSettings, "hint: to see which rollouts there are: cpupdate rollout status --nats " + url},
		{"run spring --serve --nats " + url, exit.CodeUsage, "--serve is a flag of the workers"},
		{"run spring --profile=x --nats " + url, exit.CodeUsage, "--profile is a flag of the workers"},
		{"work --site berlin", exit.CodeUsage, "--nats URL is missing"},
		{"work --nats " + url, exit.CodeUsage, "--site NAME is missing"},
		{"work --site a/b --nats " + url, exit.CodeUsage, "is not the name of a site"},
		{"work --site berlin --parallel 3 --nats " + url, exit.CodeUsage, "--parallel is a flag of the plan"},
		{"work --site berlin --password-stdin --nats " + url, exit.CodeUsage, "--password-file"},
		{"plan " + s.image + " --phones " + flat + " --offline --name flat --nats " + url, exit.CodeSettings, "1 phone without a site, such as 192.0.2.1 (hall)"},
	} {
		r := runHere(t, nil, append([]string{"rollout"}, strings.Fields(row.args)...)...)
		text := regexp.MustCompile(`\s+`).ReplaceAllString(r.errOut, " ")
		if r.code != row.code || !strings.Contains(text, row.want) {
			t.Errorf("%s: exit code %d\n%s", row.args, r.code, r.errOut)
		}
	}
	if r := s.centre("list"); r.code != exit.CodeOK || strings.Contains(r.out, "flat") {
		t.Errorf("a plan that was refused is stored: exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	o := natstest.Options(t.TempDir())
	o.JetStream = false
	plain, empty := natstest.Run(t, o).ClientURL(), natstest.Run(t, natstest.Options(t.TempDir())).ClientURL()
	login := filepath.Join(s.folder, "berlin.nk")
	authority, _ := clitest.ServiceFiles(t)
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	if seed, err := pair.Seed(); err != nil || os.WriteFile(login, seed, 0o600) != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ args, hint string }{
		{"list --nats " + plain, "enable JetStream on the server"},
		{"list --nats tls://" + strings.TrimPrefix(url, "nats://"), "give the server a certificate"},
		{"list --nats " + empty + " --nats-creds " + login, "add the users of docs/sites.md"},
		{"work --site berlin --nats " + empty + " --image-cache " + s.folder + " --nats-ca " + authority, "at the centre, make a rollout first: cpupdate rollout plan IMAGE --nats " + empty + " --phones FILE"},
	} {
		r := runHere(t, nil, append([]string{"rollout"}, strings.Fields(row.args)...)...)
		if r.code != exit.CodeSettings || !strings.Contains(r.errOut, "hint: "+row.hint) {
			t.Errorf("%s: exit code %d\n%s", row.args, r.code, r.errOut)
		}
	}
	s.proxy.Lead(nil)
	s.proxy.Cut()
	if r := s.centre("status", "spring"); r.code != exit.CodeUnreachable || !strings.Contains(r.errOut, "cannot be reached") {
		t.Errorf("no server: %d\n%s", r.code, r.errOut)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a, _, errOut := testApp(t, nil)
	if code := run(ctx, a, []string{"rollout", "status", "--nats", url}); code == exit.CodeOK {
		t.Errorf("interrupted: %d\n%s", code, errOut)
	}
}

// TestSitesBadLines has a slow line between each site and the server, which is cut again and again: the rollout ends right.
func TestSitesBadLines(t *testing.T) {
	t.Parallel()
	s := newSites(t, 12, "berlin", "paris")
	s.plan("--waves", "2,rest", "--parallel", "3")
	var lines []*natstest.Proxy
	for _, name := range s.names {
		line := natstest.NewProxy(t, s.server)
		line.Worsen(50*time.Millisecond, 200<<10) // a part of an image gets through
		lines = append(lines, line)
		s.work(line.URL(), name)
	}
	r := s.centre("run", "spring")
	if r.code != exit.CodeOK {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	for i, line := range lines {
		if line.Cuts() == 0 {
			t.Errorf("the line of %s was never cut", s.names[i])
		}
	}
	s.agree()
}
