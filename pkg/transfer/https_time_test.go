package transfer_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// Who is told late: a refusal and Ctrl-C do not wait for the limit for silence, and silence does not wait for it several
// times over. How soon exactly is not measured here: a busy machine takes its time.
func TestHTTPSTakesNoLonger(t *testing.T) {
	rows := map[string]badserver.HTTPSRow{}
	for _, row := range badserver.HTTPSRows() {
		rows[row.Name] = row
	}
	then := func(do badserver.Answer) badserver.Answer {
		return func(x *badserver.Exchange) {
			x.Continue()
			do(x)
		}
	}
	const (
		far, near = time.Minute, time.Second // limits for silence: one that nobody waits for, and one that has to come
		most      = 15 * time.Second
	)
	frozen := badserver.HTTPSRow{Name: "frozen", Faults: []badserver.HTTPFault{
		badserver.OnFirst(1, badserver.Connect, func(*badserver.Exchange) {}),
		badserver.On(badserver.Connect, (*badserver.Exchange).Silence),
		badserver.On("PUT", then((*badserver.Exchange).Stall)),
	}}
	after := frozen
	after.Faults = append(after.Faults[:2:2], badserver.On("PUT", then((*badserver.Exchange).Silence)))
	for _, c := range []struct {
		name   string
		row    badserver.HTTPSRow
		cancel bool
		limit  time.Duration
	}{
		{"refused with a body that drips", rows["drip-507-body"], false, far},
		{"silent after the body", rows["https-silent-after-body"], false, near},
		{"frozen after the body", after, false, near},
		{"frozen in the middle", frozen, false, near},
		{"head drips", rows["drip-head-of-put"], false, near},
		{"frozen in the middle, cancelled", frozen, true, far},
		{"frozen after the body, cancelled", after, true, far},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.row.Start(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.cancel {
				time.AfterFunc(300*time.Millisecond, cancel)
			}
			start := time.Now()
			_, err := put(ctx, s.Access(), transfer.Options{Trust: s.Trust(), Timeout: c.limit}, upload(content(8<<20)))
			if took := time.Since(start); took > most {
				t.Errorf("it took %s: %v", took, err)
			}
			if c.cancel && !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
			s.WaitClosed()
		})
	}
}

// A file that is not to be replaced is sent only where the server says that there is none.
func TestHTTPSNoOverwrite(t *testing.T) {
	for status, kind := range map[int]transfer.Kind{
		403: transfer.KindDenied, 405: transfer.KindDenied, 500: transfer.KindRefused, 204: transfer.KindRefused,
		302: transfer.KindRedirect, 503: transfer.KindBusy, 200: transfer.KindExists,
	} {
		s := badserver.NewHTTPS(t, badserver.On("HEAD", badserver.ReplyOnly(badserver.Response(status, ""))))
		u := upload(content(1000))
		u.NoOverwrite = true
		_, err := put(t.Context(), s.Access(), transfer.Options{Trust: s.Trust()}, u)
		if e := (*transfer.Error)(nil); !errors.As(err, &e) || e.Kind != kind {
			t.Errorf("%d: %v", status, err)
		}
		if s.WaitClosed(); s.Saw("PUT") {
			t.Errorf("%d: the file is sent", status)
		}
	}
	s := badserver.NewHTTPS(t, badserver.OnFirst(1, "HEAD", badserver.ReplyOnly(badserver.Response(410, ""))))
	u := upload(content(1000))
	u.NoOverwrite = true
	if _, err := put(t.Context(), s.Access(), transfer.Options{Trust: s.Trust()}, u); err != nil {
		t.Error(err)
	}
	s.WaitClosed()
}

// A login that is answered by cutting the connection is not tried again and again: accounts get locked.
func TestHTTPSLoginCut(t *testing.T) {
	for _, row := range badserver.HTTPSRows() {
		if row.Name != "login-cut" {
			continue
		}
		s := row.Start(t)
		_, err := put(t.Context(), s.Access(), transfer.Options{Trust: s.Trust(), Retries: 5, Pause: time.Millisecond}, upload(content(1000)))
		if e := (*transfer.Error)(nil); !errors.As(err, &e) || e.Kind != transfer.KindLogin {
			t.Errorf("%v", err)
		}
		s.WaitClosed()
		count := 0
		for _, entry := range s.Log() {
			if entry.Authorization != "" {
				count++
			}
		}
		if count == 0 || count > 2 {
			t.Errorf("the login is sent %d times", count)
		}
	}
}

// TestHTTPSNoWeakerLogin checks that no password goes out by Basic where digest is offered, in a line of its own or not.
func TestHTTPSNoWeakerLogin(t *testing.T) {
	for _, row := range badserver.HTTPSRows() {
		joined, isJoined := strings.CutPrefix(row.Name, "login-joined-")
		if isJoined && joined != "only-unknown" || row.Name == "login-basic-and-digest" || row.Name == "login-digest-and-basic" {
			s := row.Start(t)
			if _, err := put(t.Context(), s.Access(), transfer.Options{Trust: s.Trust()}, upload(content(1000))); err != nil {
				t.Errorf("%s: %v", row.Name, err)
			}
			s.WaitClosed()
			for _, entry := range s.Log() {
				weak := strings.HasPrefix(entry.Authorization, "Basic ") || joined == "weak-first" && strings.Contains(entry.Authorization, "MD5")
				if weak {
					t.Errorf("%s: %s with a weaker login", row.Name, entry.Text)
				}
			}
		}
	}
}

// What a server sends behind an answer that has no body is not taken for the next answer.
func TestHTTPSRestOfAnswer(t *testing.T) {
	for range 8 {
		s := badserver.NewHTTPS(t, badserver.On("HEAD", badserver.BendReply(func(answer string) string {
			return answer + "a body that must not be"
		})))
		if _, err := put(t.Context(), s.Access(), transfer.Options{Trust: s.Trust()}, upload(content(1000))); err != nil {
			t.Fatal(err)
		}
		s.WaitClosed()
	}
}
