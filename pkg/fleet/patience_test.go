package fleet_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// contactPort answers contact requests at a phone's address. answer gets the number of the request, from 1, and returns the
// status.
func (s *stage) contactPort(answer func(n int) int) (address string) {
	s.t.Helper()
	return s.contactServer(func(w http.ResponseWriter, n int) { w.WriteHeader(answer(n)) })
}

func (s *stage) contactServer(answer func(w http.ResponseWriter, n int)) (address string) {
	s.t.Helper()
	l, err := s.net.Listen(s.t.Context(), "tcp", hostOf(1)+":8085")
	fatal(s.t, err)
	n := 0
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++ // there is one request at a time
		answer(w, n)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	s.t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return l.Addr().String()
}

// TestShortPatience updates phones with a patience below the contact interval: after the restart the phone is asked all the
// same, when that is due, and its silence counts from there.
func TestShortPatience(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		o      fleet.Options
		faults []string
		change func(*phonesim.Config)
		end    string
		says   string
	}{
		"40 s and 60 s":                  {o: fleet.Options{Patience: 40 * time.Second}, end: "updated"},
		"10 s and 10 min":                {o: fleet.Options{Patience: 10 * time.Second, ContactInterval: 10 * time.Minute}, end: "updated"},
		"the phone calls late":           {o: fleet.Options{Patience: 40 * time.Second}, change: func(c *phonesim.Config) { c.CallDelay = 35 * time.Second }, end: "updated"},
		"patience just above":            {o: fleet.Options{Patience: 61 * time.Second}, change: func(c *phonesim.Config) { c.CallDelay = 35 * time.Second }, end: "updated"},
		"no restart":                     {o: fleet.Options{Patience: 30 * time.Second}, faults: []string{"reject-image"}, end: "rejected"},
		"cut":                            {o: fleet.Options{Patience: 30 * time.Second}, faults: []string{"cut-mid-download"}, end: "cut"},
		"it never calls":                 {o: fleet.Options{Patience: 20 * time.Second}, faults: []string{"ignores-contact"}, end: "no-call-back", says: "within 20 s, after 1 contact request"},
		"busy, and does not call itself": {o: fleet.Options{Patience: 40 * time.Second}, faults: []string{"busy-no-solicited"}, change: func(c *phonesim.Config) { c.CallLength = 50 * time.Second }, end: "updated"},
		"secure after the restart":       {o: fleet.Options{Patience: 40 * time.Second}, faults: []string{"comes-back-secure"}, end: "no-answer", says: "does not trust the certificate of this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, row.o)
				p := s.phone(1, func(c *phonesim.Config) {
					c.InstallTime, c.RestartTime = 3*time.Second, 5*time.Second // within every patience
					if row.change != nil {
						row.change(c)
					}
				}, row.faults...)
				results := s.run(p.Address())
				if ending(results[0]) != row.end || row.says != "" && !strings.Contains(results[0].Failure.Error(), row.says) {
					t.Error(ending(results[0]), results[0].Failure, s.steps())
				}
				if err := s.agree(results); err != nil {
					t.Error(err)
				}
				last := time.Time{}
				for _, e := range s.told() {
					if e.Step != fleet.StepContacted {
						continue
					}
					if interval := max(row.o.ContactInterval, time.Minute); !last.IsZero() && e.At.Sub(last) < interval {
						t.Errorf("two contact requests within %s", e.At.Sub(last))
					}
					last = e.At
				}
			})
		})
	}
}

// TestNoReply waits for a phone that called and does not answer a query as long as patience says, however long a contact
// interval is.
func TestNoReply(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		patience, interval, replies time.Duration // 0: it never replies
		end                         string
		took                        time.Duration
	}{
		{5 * time.Second, time.Minute, 0, "no-reply", 5 * time.Second},
		{3 * time.Minute, time.Minute, 0, "no-reply", 3 * time.Minute},
		{10 * time.Minute, time.Minute, 90 * time.Second, "looked", 90 * time.Second},
		{10 * time.Minute, 11 * time.Minute, 9 * time.Minute, "looked", 9 * time.Minute},
	} {
		t.Run(row.patience.String()+" "+row.replies.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, fleet.Options{Patience: row.patience, ContactInterval: row.interval})
				s.plan.Image = nil
				called := false
				address := s.contactServer(func(w http.ResponseWriter, _ int) {
					w.WriteHeader(http.StatusNoContent)
					if called {
						return
					}
					called = true
					m := introduction(wpi.Solicited, hostOf(1)+":8085")
					m.Items = m.Items[:4] // without its MAC address
					if got := s.say(hostOf(1), m); got != wpi.ActionReadItems {
						t.Error(got)
					}
					if row.replies == 0 {
						return
					}
					s.others.Go(func() {
						time.Sleep(row.replies)
						full := introduction(wpi.ReplyTo, hostOf(1)+":8085")
						full.Action, full.Status = wpi.ActionReadItems, wpi.Accepted
						_ = s.say(hostOf(1), full)
					})
				})
				results := s.run(address)
				if ending(results[0]) != row.end || results[0].Took != row.took {
					t.Error(ending(results[0]), results[0].Failure, results[0].Took)
				}
				if f := results[0].Failure; f != nil && f.Msg != "it called back, but did not answer a query within "+map[time.Duration]string{5 * time.Second: "5 s", 3 * time.Minute: "3 min"}[row.patience] {
					t.Error(f)
				}
			})
		})
	}
}

// TestNotThereYet asks again, within patience, a phone that cannot be reached at first: it may be restarting or installing.
func TestNotThereYet(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		o     fleet.Options
		after time.Duration // it is there
		end   string
		took  time.Duration // at most
	}{
		"a restart":                   {fleet.Options{}, 3 * time.Minute, "looked", 3*time.Minute + 10*time.Second},
		"just before the end":         {fleet.Options{}, 9*time.Minute + 50*time.Second, "looked", 10*time.Minute + 10*time.Second},
		"longer than patience":        {fleet.Options{}, 11 * time.Minute, "unreachable", 10*time.Minute + time.Second},
		"patience below the interval": {fleet.Options{Patience: 30 * time.Second}, 20 * time.Second, "looked", 30 * time.Second},
		"in a hurry":                  {fleet.Options{SkipUnreachable: true}, 20 * time.Second, "unreachable", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, row.o)
				s.plan.Image = nil
				started := make(chan struct{})
				go func() {
					defer close(started)
					time.Sleep(row.after)
					s.phone(1, nil)
				}()
				results := s.run(hostOf(1) + ":8085")
				if ending(results[0]) != row.end || results[0].Took > row.took {
					t.Error(ending(results[0]), results[0].Failure, results[0].Took)
				}
				silent := 0
				for _, e := range s.told() {
					if e.Step == fleet.StepSilent {
						silent++
					}
				}
				if most := int(results[0].Took/time.Minute) + 1; silent > most || silent == 0 && !row.o.SkipUnreachable {
					t.Errorf("it is said %d times that it cannot be reached", silent)
				}
				<-started
			})
		})
	}
}

// TestLastTryCutShort checks that the reason why a phone cannot be reached is that of the last try that was not cut short by the end of
// the wait.
func TestLastTryCutShort(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		patience time.Duration
		want     string
	}{ // a try takes 3 s, for two ports, and the next begins 2 s later
		"the first try":  {time.Second, "no answer in time"},
		"the second try": {7 * time.Second, syscall.ECONNREFUSED.Error()},
		"no try":         {9 * time.Second, syscall.ECONNREFUSED.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, setting{options: fleet.Options{Patience: row.patience}, dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
					select {
					case <-time.After(1500 * time.Millisecond):
						return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				}})
				results := s.run(hostOf(1) + ":8085")
				if f := results[0].Failure; ending(results[0]) != "unreachable" || !strings.HasSuffix(f.Error(), ": "+row.want) || results[0].Took != row.patience {
					t.Error(ending(results[0]), f, results[0].Took)
				}
			})
		})
	}
}

// TestDeadPhonesMakeRoom checks that phones that cannot be reached hold up no others.
func TestDeadPhonesMakeRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{Parallel: 1})
		p := s.phone(9, nil)
		done := time.Duration(0)
		begun := time.Now()
		s.hear = func(e fleet.Event) {
			if e.Step == fleet.StepDone {
				done = time.Since(begun)
			}
		}
		results := s.run(hostOf(1)+":8085", hostOf(2)+":8085", hostOf(3)+":8085", p.Address())
		if ending(results[3]) != "updated" || done > 6*time.Minute {
			t.Error(ending(results[3]), results[3].Failure, done)
		}
		for _, r := range results[:3] {
			if ending(r) != "unreachable" {
				t.Error(r.Failure)
			}
		}
		if err := s.agree(results); err != nil {
			t.Error(err)
		}
	})
}

// TestManyDeadPhones gives phones up after the patience that do not answer and wait for one another, with the reason of their last
// try.
func TestManyDeadPhones(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const dead = 100
		s := set(t, fleet.Options{Parallel: 1, Patience: 10 * time.Minute, Timeout: 10 * time.Second})
		addresses := make([]string, dead)
		for i := range addresses {
			addresses[i] = hostOf(20+i) + ":8085"
			s.net.Down(netip.MustParseAddr(hostOf(20+i)), nil)
		}
		begun := time.Now()
		results := s.run(addresses...)
		// A try takes 10 s on each of two ports. Each phone has one when it comes to its turn, and one more.
		if took := time.Since(begun); took > 2*dead*20*time.Second+10*time.Minute {
			t.Errorf("it took %v", took)
		}
		for _, r := range results {
			if ending(r) != "unreachable" || !strings.HasSuffix(r.Failure.Error(), ": no answer in time: i/o timeout") { // of a whole try
				t.Error(r.Failure)
			}
		}
	})
}

// TestBackBehindDeadPhones updates a phone that was restarting at its first try, and whose turn comes again only when the patience is over.
func TestBackBehindDeadPhones(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{Parallel: 1, Patience: 10 * time.Minute, Timeout: 10 * time.Second})
		p := s.phone(9, nil)
		host := netip.MustParseAddr(hostOf(9))
		s.net.Down(host, syscall.ECONNREFUSED)
		time.AfterFunc(5*time.Minute, func() { s.net.Up(host) })
		addresses := []string{p.Address()}
		for i := range 50 { // 1,000 s
			addresses = append(addresses, hostOf(20+i)+":8085")
			s.net.Down(netip.MustParseAddr(hostOf(20+i)), nil)
		}
		if results := s.run(addresses...); ending(results[0]) != "updated" {
			t.Error(results[0].Failure)
		}
	})
}

// TestPassing asks again a phone whose answer says that it cannot serve now, and takes every answer of success.
func TestPassing(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		first int // status of the first two answers
		end   string
	}{
		"200": {200, "looked"}, "202": {202, "looked"}, "206": {206, "looked"},
		"503 for a moment": {503, "looked"}, "500 for a moment": {500, "looked"}, "429 for a moment": {429, "looked"}, "408 for a moment": {408, "looked"},
		"401": {401, "not-a-phone"}, "301": {301, "not-a-phone"}, "403": {403, "not-a-phone"}, "505": {505, "not-a-phone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, fleet.Options{})
				s.plan.Image = nil
				address := s.contactPort(func(n int) int {
					status := row.first
					if n > 2 {
						status = http.StatusNoContent
					}
					if status < 300 {
						s.others.Go(func() { _ = s.say(hostOf(1), introduction(wpi.Solicited, hostOf(1)+":8085")) })
					}
					return status
				})
				if results := s.run(address); ending(results[0]) != row.end {
					t.Error(ending(results[0]), results[0].Failure)
				}
			})
		})
	}
}

// TestAnswersOddly names the status of one that takes contact requests with another status than phones, and never calls.
func TestAnswersOddly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		address := s.contactPort(func(int) int { return http.StatusOK })
		results := s.run(address)
		if ending(results[0]) != "no-call-back" || !strings.Contains(results[0].Failure.Error(), "status 200") {
			t.Error(ending(results[0]), results[0].Failure)
		}
	})
}

// TestClosesWhileStarting asks again a phone that takes connections and closes them without an answer.
func TestClosesWhileStarting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		s.plan.Image = nil
		l, err := s.net.Listen(t.Context(), "tcp", hostOf(1)+":8085")
		fatal(t, err)
		go func() {
			for range 3 {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_ = conn.Close()
			}
			_ = l.Close()
			s.phone(1, nil)
		}()
		if results := s.run(hostOf(1) + ":8085"); ending(results[0]) != "looked" {
			t.Error(ending(results[0]), results[0].Failure)
		}
	})
}

// TestUnknownName gives up at once a phone whose name does not exist, and tries again one whose name service does not answer.
func TestUnknownName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, missing := range []bool{true, false} {
			s := newStage(t, setting{dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "phone.example", IsNotFound: missing, IsTemporary: !missing}}
			}})
			results := s.run("phone.example")
			if want := map[bool]string{true: "unreachable", false: "this-machine"}[missing]; ending(results[0]) != want || missing != (results[0].Took < time.Minute) {
				t.Error(missing, ending(results[0]), results[0].Failure, results[0].Took)
			}
		}
	})
}

// TestPageNotThereYet sends an image to the page of a phone that restarts when the run begins: it is known by its call.
func TestPageNotThereYet(t *testing.T) {
	t.Parallel()
	for _, skip := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := set(t, fleet.Options{SkipUnreachable: skip})
			first := s.pagePhone(1)
			s.byPage(first, false, func(*fleet.Web) {})
			fatal(t, first.Close())
			started := make(chan struct{})
			go func() {
				defer close(started)
				time.Sleep(3 * time.Minute)
				s.pagePhone(1)
			}()
			results := s.run(first.Address())
			want := "silent contacted called-back"
			if skip {
				want = "page-only failed"
			}
			if skip != (ending(results[0]) == "page-unreachable") || !strings.HasPrefix(s.steps(), want) {
				t.Error(skip, ending(results[0]), results[0].Failure, s.steps())
			}
			<-started
		})
	}
}
