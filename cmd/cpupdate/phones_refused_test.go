package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// TestDamagedServed serves an image whose payload is damaged, by each method: no phone is told anything, however many are named.
func TestDamagedServed(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	content, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	damaged := clitest.File(t, "damaged.bind", content)
	inMemory(t, func(s *site) {
		for _, method := range []string{"https", "ftp"} {
			first, second := s.phone("", nil), s.phone("", nil)
			for _, phones := range [][]string{{first.Address()}, {first.Address(), second.Address()}} {
				args := append(append([]string{"push", damaged}, phones...), "--serve", "--method", method, "--hw-level", "3")
				r := s.run(s.t.Context(), args...)
				r.check(s.t, args)
				if r.code != exit.CodeImage || !strings.Contains(r.errOut, "SHA-256") {
					s.t.Errorf("%s, %d phones: exit code %d\n%s", method, len(phones), r.code, r.errOut)
				}
			}
			if instructed := first.State().Instructed + second.State().Instructed; instructed != 0 {
				s.t.Errorf("%s: phones were told %d times", method, instructed)
			}
		}
	})
}

// TestSilentChecked checks two phones, one of which is not there: the answer says why it knows nothing of it.
func TestSilentChecked(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	inMemory(t, func(s *site) {
		phone, closed := s.phone("", nil), s.phone("", nil)
		if err := closed.Close(); err != nil {
			s.t.Fatal(err)
		}
		args := []string{"check", image, phone.Address(), closed.Address()}
		r := s.run(s.t.Context(), append(args, "--json")...)
		r.check(s.t, append(args, "--json"))
		var doc struct {
			Phones []struct {
				Address string
				Error   *exit.ErrorDoc
			}
		}
		if err := json.Unmarshal([]byte(r.out), &doc); err != nil || len(doc.Phones) != 2 {
			s.t.Fatalf("%v\n%s", err, r.out)
		}
		if doc.Phones[0].Error != nil {
			s.t.Errorf("the phone that answered has the error %+v", doc.Phones[0].Error)
		}
		if e := doc.Phones[1].Error; e == nil || e.Code != exit.CodeUnreachable || e.Kind != "unreachable" || !strings.HasPrefix(e.Message, closed.Address()+": it cannot be reached") {
			s.t.Errorf("the phone that is not there has the error %+v", e)
		}
		if want := `"warning":{"about":"` + closed.Address() + `"`; !strings.Contains(r.errOut, want) {
			s.t.Errorf("want %s\n%s", want, r.errOut)
		}
		r = s.run(s.t.Context(), args...)
		r.check(s.t, args)
		if !strings.Contains(r.out, "the phone did not report it: it cannot be reached") || strings.Count(r.out, "it cannot be reached") != 1 {
			s.t.Errorf("%s", r.out)
		}
		if want := "note: this machine: contact requests are sent to 2 phones, which call back on port 18443"; !strings.Contains(r.errOut, want) || !strings.Contains(r.errOut, "; waiting at most 10 min for each next step\n") {
			s.t.Errorf("want %q\n%s", want, r.errOut)
		}
	})
}

// TestLookInterrupted ends a query while nobody called: nothing was to be told to anybody.
func TestLookInterrupted(t *testing.T) {
	t.Parallel()
	inMemory(t, func(s *site) {
		phone, other := s.phone("ignores-contact", nil), s.phone("ignores-contact", nil)
		for _, test := range []struct {
			phones []string
			want   string
		}{
			{[]string{phone.Address()}, "cpupdate: " + phone.Address() + ": interrupted before it answered\n"},
			{[]string{phone.Address(), other.Address()}, "cpupdate: interrupted: 2 of 2 phones did not answer\n"},
		} {
			ctx, stop := context.WithTimeout(s.t.Context(), time.Minute)
			r := s.run(ctx, append([]string{"phone"}, test.phones...)...)
			stop()
			if r.code != exit.CodeInterrupted || !strings.Contains(r.errOut, test.want) {
				s.t.Errorf("exit code %d, want %q\n%s", r.code, test.want, r.errOut)
			}
		}
	})
}

// TestSummaryCode: who reads the last line only learns the exit code.
func TestSummaryCode(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	inMemory(t, func(s *site) {
		phone, other := s.phone("", nil), s.phone("refuse-deployment", nil)
		for _, test := range []struct {
			phones []string
			level  string
			code   exit.Code
		}{
			{[]string{phone.Address()}, "4", exit.CodeRefused},
			{[]string{phone.Address()}, "3", exit.CodeOK},
			{[]string{phone.Address(), other.Address()}, "3", exit.CodePartial},
		} {
			r := s.run(s.t.Context(), append(append([]string{"push", image}, test.phones...), "--serve", "--json", "--hw-level", test.level)...)
			lines := strings.Split(strings.TrimSpace(r.out), "\n")
			var doc struct {
				Event, Name, Time string
				Code              *exit.Code
			}
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &doc); err != nil {
				s.t.Fatal(err)
			}
			_, err := time.Parse(time.RFC3339Nano, doc.Time)
			if r.code != test.code || doc.Event != "summary" || doc.Code == nil || *doc.Code != r.code || doc.Name != r.code.Row().Name || err != nil {
				s.t.Errorf("exit code %d, want %d: %+v\n%s", r.code, test.code, doc, r.errOut)
			}
		}
	})
}
