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
	image, flags := phoneImage(t), serviceFlags(t)
	content, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	damaged := clitest.File(t, "damaged.bind", content)
	for _, method := range []string{"https", "ftp"} {
		first, second := startPhone(t, "", nil), startPhone(t, "", nil)
		for _, phones := range [][]string{{first.Address()}, {first.Address(), second.Address()}} {
			args := append(append([]string{"push", damaged}, phones...), "--serve", "--method", method, "--hw-level", "3")
			r := runHere(t, nil, append(append(args, flags...), shortPatience()...)...)
			if r.code != exit.CodeImage || !strings.Contains(r.errOut, "SHA-256") {
				t.Errorf("%s, %d phones: exit code %d\n%s", method, len(phones), r.code, r.errOut)
			}
		}
		if instructed := first.State().Instructed + second.State().Instructed; instructed != 0 {
			t.Errorf("%s: phones were told %d times", method, instructed)
		}
	}
}

// TestSilentChecked checks two phones, one of which is not there: the answer says why it knows nothing of it.
func TestSilentChecked(t *testing.T) {
	image, flags := phoneImage(t), serviceFlags(t)
	phone, closed := startPhone(t, "", nil), startPhone(t, "", nil)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"check", image, phone.Address(), closed.Address()}, flags...)
	r := runHere(t, nil, append(args, "--json")...)
	var doc struct {
		Phones []struct {
			Address string
			Error   *exit.ErrorDoc
		}
	}
	if err := json.Unmarshal([]byte(r.out), &doc); err != nil || len(doc.Phones) != 2 {
		t.Fatalf("%v\n%s", err, r.out)
	}
	if doc.Phones[0].Error != nil {
		t.Errorf("the phone that answered has the error %+v", doc.Phones[0].Error)
	}
	if e := doc.Phones[1].Error; e == nil || e.Code != exit.CodeUnreachable || e.Kind != "unreachable" || !strings.HasPrefix(e.Message, closed.Address()+": it cannot be reached") {
		t.Errorf("the phone that is not there has the error %+v", e)
	}
	if want := `"warning":{"about":"` + closed.Address() + `"`; !strings.Contains(r.errOut, want) {
		t.Errorf("want %s\n%s", want, r.errOut)
	}
	r = runHere(t, nil, args...)
	if !strings.Contains(r.out, "the phone did not report it: it cannot be reached") || strings.Count(r.out, "it cannot be reached") != 1 {
		t.Errorf("%s", r.out)
	}
	if want := "note: this machine: contact requests are sent to 2 phones, which call back on port "; !strings.Contains(r.errOut, want) || !strings.Contains(r.errOut, "; waiting at most 20 s for each next step\n") {
		t.Errorf("want %q\n%s", want, r.errOut)
	}
}

// TestLookInterrupted ends a look while nobody called: nothing was to be told to anybody.
func TestLookInterrupted(t *testing.T) {
	flags := serviceFlags(t)
	phone, other := startPhone(t, "ignores-contact", nil), startPhone(t, "ignores-contact", nil)
	for _, test := range []struct {
		phones []string
		want   string
	}{
		{[]string{phone.Address()}, "cpupdate: " + phone.Address() + ": interrupted before it answered\n"},
		{[]string{phone.Address(), other.Address()}, "cpupdate: interrupted: 2 of 2 phones did not answer\n"},
	} {
		ctx, stop := context.WithCancel(t.Context())
		a, _, errOut := testApp(t, nil)
		a.con.Err = writerFunc(func(b []byte) (int, error) { // the first note: it is waited for
			stop()
			return errOut.Write(b)
		})
		c := run(ctx, a, append(append([]string{"phone"}, test.phones...), flags...))
		if c != exit.CodeInterrupted || !strings.Contains(errOut.String(), test.want) {
			t.Errorf("exit code %d, want %q\n%s", c, test.want, errOut)
		}
	}
}

// TestSummaryCode: who reads the last line only learns the exit code.
func TestSummaryCode(t *testing.T) {
	image, flags := phoneImage(t), serviceFlags(t)
	phone, other := startPhone(t, "", nil), startPhone(t, "refuse-deployment", nil)
	for _, test := range []struct {
		phones []string
		level  string
		code   exit.Code
	}{
		{[]string{phone.Address()}, "4", exit.CodeRefused},
		{[]string{phone.Address()}, "3", exit.CodeOK},
		{[]string{phone.Address(), other.Address()}, "3", exit.CodePartial},
	} {
		a, out, errOut := testApp(t, nil)
		c := run(t.Context(), a, append(append(append([]string{"push", image}, test.phones...), "--serve", "--json", "--hw-level", test.level), flags...))
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		var doc struct {
			Event, Name, Time string
			Code              *exit.Code
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &doc); err != nil {
			t.Fatal(err)
		}
		_, err := time.Parse(time.RFC3339Nano, doc.Time)
		if c != test.code || doc.Event != "summary" || doc.Code == nil || *doc.Code != c || doc.Name != c.Row().Name || err != nil {
			t.Errorf("exit code %d, want %d: %+v\n%s", c, test.code, doc, errOut)
		}
	}
}
