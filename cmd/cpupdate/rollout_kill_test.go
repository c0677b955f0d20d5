package main

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// TestRolloutKilledManyTimes kills a rollout to many phones at random moments, and goes on each time. No phone gets a second update
// command before a person allows it, no wave begins before the one before it has ended, and in the end journal, report and phones
// agree.
//
//	KILLS=50 PHONES=200 go test -run TestRolloutKilledManyTimes ./cmd/cpupdate
func TestRolloutKilledManyTimes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals that one process sends another")
	}
	t.Parallel()
	kills, phones := number(t, "KILLS", 6), number(t, "PHONES", 30)
	s := newSite(t, phones, "--waves", "1,20%,50%,rest", "--settle", "2s", "--parallel", "12")
	seed := rand.Uint64() //nolint:gosec // moments
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // moments
	for range kills {
		before := s.count()
		p := s.start("run", "spring")
		s.await(before+random.IntN(max(16*phones/kills, 2)), p.ended)
		_ = p.cmd.Process.Kill() // it may have ended
		p.wait()
	}
	s.checkOnce()
	s.checkWaves()
	// What was cut off while it fetched keeps its old software: a person looks at it, and lets it begin anew.
	runs := 0
	for code := exit.CodePartial; code != exit.CodeOK; {
		if runs++; runs > 8 {
			t.Fatalf("the rollout does not come to an end: exit code %d", code)
		}
		r := s.here("run", "spring")
		if code = r.code; code == exit.CodePartial {
			s.checkAtMost(runs) // each retry so far allowed another one
			s.checkWaves()
			if r := s.here("retry", "spring"); r.code != exit.CodeOK {
				t.Fatalf("retry: %d\n%s", r.code, r.errOut)
			}
		} else if code != exit.CodeOK {
			t.Fatalf("exit code %d\n%s\n%s", code, r.out, r.errOut)
		}
	}
	t.Logf("%d kills, and then %d runs", kills, runs)
	s.agree()
}

// checkOnce looks at how often phones were instructed so far: nobody allowed that twice.
func (s *rolloutSite) checkOnce() {
	s.t.Helper()
	s.checkAtMost(1)
}

// checkAtMost looks for phones that were instructed more often than was allowed.
func (s *rolloutSite) checkAtMost(allowed int) {
	s.t.Helper()
	for address, n := range s.instructed() {
		if n > allowed {
			s.t.Errorf("%s got %d update commands", address, n)
		}
	}
}

// checkWaves looks for a phone that was begun before its wave was opened, and for a wave that was opened before each phone of those
// before it had its first outcome.
func (s *rolloutSite) checkWaves() {
	s.t.Helper()
	ledger, err := sqlite.Open(s.t.Context(), s.journal)
	if err != nil {
		s.t.Fatal(err)
	}
	defer ledger.Close()
	saved, err := rollout.Load(s.t.Context(), ledger, "spring")
	if err != nil {
		s.t.Fatal(err)
	}
	opened, begun, ended := map[int]journal.Seq{}, map[string]journal.Seq{}, map[string]journal.Seq{}
	first := func(of map[string]journal.Seq, phone string, seq journal.Seq) {
		if of[phone] == 0 {
			of[phone] = seq
		}
	}
	for r, err := range ledger.ReadAll(s.t.Context(), "spring") {
		if err != nil {
			s.t.Fatal(err)
		}
		switch body := r.Event.Body.(type) {
		case journal.WaveOpened:
			opened[body.Wave-1] = r.Event.Seq
		case journal.Begun:
			first(begun, r.Key.Phone, r.Event.Seq)
		case journal.Outcome:
			first(ended, r.Key.Phone, r.Event.Seq)
		}
	}
	for w, wave := range saved.Plan.Waves {
		for _, i := range wave.Phones {
			phone := saved.Plan.Phones[i].Address
			if at := begun[phone]; at != 0 && (opened[w] == 0 || at < opened[w]) {
				s.t.Errorf("%s was begun before its wave %d was opened", phone, w+1)
			}
			if next := opened[w+1]; next != 0 && (ended[phone] == 0 || ended[phone] > next) {
				s.t.Errorf("wave %d was opened before %s had ended", w+2, phone)
			}
		}
	}
}

// TestTwoRunsAtOnce begins a second run of a rollout while the first one has phones on their way: the second one takes over.
func TestTwoRunsAtOnce(t *testing.T) {
	t.Parallel()
	const phones = 20
	// Two waves, each 4 s: the second run begins long before the first one can be done.
	s := newSiteOf(t, newSwarm(t, phones, "--restart-time", "4s"), newImageOf(t, 1<<20), t.TempDir(), "--waves", "4,rest", "--parallel", "4")
	first := s.start("run", "spring")
	s.await(s.count()+phones, first.ended)
	second := s.start("run", "spring")
	r := first.wait()
	if r.code != exit.CodeStopped {
		t.Errorf("the first run ends with %d\n%s%s", r.code, r.out, r.errOut)
	}
	saysLines(t, r.errOut, `^cpupdate: another run of cpupdate has taken over rollout "spring": this one begins no phone any more$`, `^hint: to see how it goes: cpupdate rollout status spring --journal `)
	if r := second.wait(); r.code != exit.CodeOK {
		t.Errorf("the second run ends with %d\n%s%s", r.code, r.out, r.errOut)
	}
	s.checkOnce()
	s.checkWaves()
	s.agree()
}

// TestPushDuringRollout begins a push to the phones of a rollout while that has phones on their way, and a rollout's run while a push has.
// Every phone gets the new version, and none gets two update commands.
func TestPushDuringRollout(t *testing.T) {
	t.Parallel()
	for _, pushFirst := range []bool{false, true} {
		t.Run(map[bool]string{false: "the push later", true: "the push first"}[pushFirst], func(t *testing.T) {
			t.Parallel()
			const phones = 12
			settle := []string{"--settle", "30s"} // of the second run, in case that both let go of a phone
			flags := []string{"--waves", "rest", "--parallel", "3", "--stop-on", "any=100%"}
			if pushFirst {
				flags = append(flags, settle...)
			}
			s := newSiteOf(t, newSwarm(t, phones, "--install-time", "1s"), newImageOf(t, 1<<20), t.TempDir(), flags...)
			push := s.push()
			if !pushFirst {
				push = append(push, settle...)
			}
			begin := []func() *rolloutProcess{
				func() *rolloutProcess { return s.start("run", "spring") },
				func() *rolloutProcess { return startCommand(t, push...) },
			}
			if pushFirst {
				begin[0], begin[1] = begin[1], begin[0]
			}
			first := begin[0]()
			s.await(s.count()+phones, first.ended)
			second := begin[1]()
			one, two := first.wait(), second.wait()
			for _, r := range []ran{one, two} {
				if r.code != exit.CodeOK && r.code != exit.CodePartial && r.code != exit.CodeUnreachable { // a phone that the other one took
					t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
				}
			}
			s.checkOnce()
			if told := s.instructed(); len(told) < phones {
				// The other run took over a phone in the moment between the record that it would be instructed and the command, which was not
				// sent then. Nobody knows that, so nobody instructs it before a person lets it begin anew.
				t.Logf("%d of %d phones got the update command before the retry", len(told), phones)
				for _, verb := range []string{"retry", "run"} {
					if r := s.here(verb, "spring"); r.code != exit.CodeOK {
						t.Errorf("%s: %d\n%s%s", verb, r.code, r.out, r.errOut)
					}
				}
				s.checkOnce()
			}
			for address, state := range s.end() {
				if state.Version != versionNew {
					t.Errorf("%s runs %s", address, state.Version)
				}
			}
		})
	}
}

// push returns a push to the phones of a rollout, with the same journal.
func (s *rolloutSite) push() []string {
	return append([]string{"push", s.image, "--phones", s.list, "--serve", "--parallel", "3", "--journal", s.journal}, s.flags...)
}

// TestRolloutAfterKilledPush kills a push while a phone fetches the image from it, and then carries out a rollout to the same phones.
func TestRolloutAfterKilledPush(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals that one process sends another")
	}
	t.Parallel()
	s := newSiteOf(t, newSwarm(t, 6), newImageOf(t, 8<<20), t.TempDir(), "--waves", "rest", "--parallel", "2", "--settle", "2s")
	from := s.count()
	push := startCommand(t, append(s.push(), "--limit-rate", "1M")...) // a fetch takes far longer than it takes to kill the push
	cut := s.next(from, "fetching", "", push.ended)
	if err := push.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	push.wait()
	// The rollout only queries what the push instructed, until a person lets it begin anew.
	if r := s.here("run", "spring"); r.code != exit.CodePartial {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	if told := s.instructed()[cut]; told != 1 {
		t.Errorf("%s got %d update commands", cut, told)
	}
	s.checkOnce()
	if r := s.here("retry", "spring"); r.code != exit.CodeOK {
		t.Fatalf("retry: %d\n%s", r.code, r.errOut)
	}
	if r := s.here("run", "spring"); r.code != exit.CodeOK {
		t.Errorf("after retry: %d\n%s%s", r.code, r.out, r.errOut)
	}
	for address, state := range s.end() {
		if state.Version != versionNew {
			t.Errorf("%s runs %s", address, state.Version)
		}
	}
}
