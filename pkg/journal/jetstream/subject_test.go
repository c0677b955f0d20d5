package jetstream

import (
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

func TestSubjects(t *testing.T) {
	for subject, key := range map[string]journal.Key{
		"cpupdate.journal.spring.rollout":                  {Rollout: "spring"},
		"cpupdate.journal.spring.berlin.192_0_2_7":         {Rollout: "spring", Phone: "berlin/192.0.2.7"},
		"cpupdate.journal.spring.=.192_0_2_7":              {Rollout: "spring", Phone: "192.0.2.7"},
		"cpupdate.journal.spring.berlin.2001=3Adb8=3A=3A1": {Rollout: "spring", Phone: "berlin/2001:db8::1"},
		"cpupdate.journal.rollout.rollout.rollout":         {Rollout: "rollout", Phone: "rollout/rollout"},
		"cpupdate.journal.a_b=20c.=.=2Fx":                  {Rollout: "a.b c", Phone: "/x"},
		"cpupdate.journal.=2A.=3E.=2A=3E":                  {Rollout: "*", Phone: ">/*>"},
		"cpupdate.journal.M=C3=BCnchen.M=C3=BCnchen.a=2Fb": {Rollout: "München", Phone: "München/a/b"},
		"cpupdate.journal.a.site.=":                        {Rollout: "a", Phone: "site/"},
		"cpupdate.journal.a.=3D._=5F=3D":                   {Rollout: "a", Phone: "=/._="},
	} {
		if got := subjectOf(key); got != subject {
			t.Errorf("%v: %s, want %s", key, got, subject)
		}
		if got, ok := keyOf(subject); !ok || got != key {
			t.Errorf("%s: %v, %t", subject, got, ok)
		}
	}
	for _, subject := range []string{
		"", "cpupdate.format", "cpupdate.journal.", "cpupdate.journal.a", "cpupdate.journal.a.b", "cpupdate.journal.a.b.c.d", "cpupdate.journal..b.c",
		"cpupdate.journal.a.b.", "cpupdate.journal.a.=.=", "cpupdate.journal.=2e.=.a", "cpupdate.journal.=61.=.a", "cpupdate.journal.a.=.=2", "cpupdate.journal.a.=.=GG",
		"cpupdate.journal.a.b=2Fc.d", "cpupdate.journal.a.=.b=2Fc", "cpupdate.journal.a.=.=FF", "cpupdate.journal.a.=.=0A", "cpupdate.journal.a.=.~", "cpupdate.journal.=.=.a",
		"cpupdate.name.a.b.c", "cpupdate.journal.a b.=.c",
	} {
		if key, ok := keyOf(subject); ok {
			t.Errorf("%q is %v", subject, key)
		}
	}
}

// TestNameSubjects has names of any length and content: each gives a subject, and the phone can be read from it.
func TestNameSubjects(t *testing.T) {
	key := journal.Key{Rollout: strings.Repeat("ü", journal.MaxRollout/2), Phone: strings.Repeat("日", journal.MaxPhone/3)}
	for _, name := range []string{"192.0.2.7", "00:1A:E8:12:34:56", "*", ">", "~a", strings.Repeat("a", maxName), strings.Repeat("a", journal.MaxText), strings.Repeat("ü", journal.MaxText/2)} {
		subject := nameSubject(key, name)
		if got, ok := keyOfName(subject); !ok || got != key || len(subject) > 3000 || strings.ContainsAny(subject, " *>\t") {
			t.Errorf("%q: %s: %v, %t", name, subject, got, ok)
		}
	}
	if nameToken(strings.Repeat("a", maxName+1)) == nameToken(strings.Repeat("a", maxName+2)) {
		t.Error("two long names have one token")
	}
	if _, ok := keyOfName("cpupdate.name.a.b.c"); ok {
		t.Error("a name with a token less")
	}
}

// FuzzKey turns keys into subjects and back: no two keys have the same subject, and each is one that a server takes.
func FuzzKey(f *testing.F) {
	f.Add("spring", "berlin/192.0.2.7")
	f.Add("a.b", "*/>")
	f.Add("ü", "/")
	f.Add("=", "=/=")
	f.Fuzz(func(t *testing.T, rollout, phone string) {
		key := journal.Key{Rollout: rollout, Phone: phone}
		if key.Check() != nil {
			return
		}
		subject := subjectOf(key)
		if got, ok := keyOf(subject); !ok || got != key {
			t.Errorf("%q: %s: %q, %t", key, subject, got, ok)
		}
		if strings.ContainsAny(subject, " *>\t\r\n") || strings.Contains(subject, "..") || strings.HasSuffix(subject, ".") || len(subject) > 2000 {
			t.Errorf("%q: %s", key, subject)
		}
	})
}

// FuzzSubject parses subjects: what is accepted is the subject of its key.
func FuzzSubject(f *testing.F) {
	f.Add("cpupdate.journal.spring.berlin.192_0_2_7")
	f.Add("cpupdate.name.berlin.192_0_2_7.spring.192_0_2_7")
	f.Fuzz(func(t *testing.T, subject string) {
		if key, ok := keyOf(subject); ok && (subjectOf(key) != subject || key.Check() != nil) {
			t.Errorf("%q is %v", subject, key)
		}
		if key, ok := keyOfName(subject); ok && key.Check() != nil {
			t.Errorf("%q is %v", subject, key)
		}
	})
}

// FuzzMessage reads messages as anybody could write them: what is accepted can be written again.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`[{"at":"2026-03-29T00:59:00Z","kind":"note","data":{"text":"x"}},{"at":"2026-03-29T00:59:00.5+01:00","kind":"new","data":{"a":[1 ]}}]`), "0", uint64(7))
	f.Add([]byte(`[{"at":"9999-12-31T23:59:00-23:00","kind":"note","data":{}}]`), "x", uint64(0))
	f.Fuzz(func(t *testing.T, content []byte, fence string, seq uint64) {
		m := message{seq: seq, subject: "cpupdate.journal.a.b.c", header: nats.Header{"Nats-Expected-Last-Subject-Sequence": {fence}}, data: content}
		_ = chain{last: map[string]uint64{}, from: 1}.check(m)
		events, err := m.decode()
		if err != nil {
			return
		}
		var stored []journal.Stored
		for _, event := range events {
			one, err := journal.Batch{Key: journal.Key{Rollout: "a", Phone: "b"}, Events: []journal.Event{{At: event.At, Body: journal.Unknown{Name: "k", Data: []byte("{}")}}}}.Store()
			if err != nil {
				t.Fatalf("%v: %v", event, err)
			}
			kind, data, err := journal.Encode(event.Body)
			if err != nil {
				return // a text that is too long when it is written
			}
			stored = append(stored, journal.Stored{At: one[0].At, Kind: kind, Data: data})
		}
		again, err := encode(stored)
		if err != nil {
			t.Fatal(err)
		}
		read, err := message{seq: seq, data: again}.decode()
		if err != nil {
			t.Fatal(err)
		}
		for i := range read {
			kind, data, err := journal.Encode(read[i].Body)
			if want := stored[i]; err != nil || read[i].At.UnixMilli() != want.At || kind != want.Kind || !reflect.DeepEqual(data, want.Data) {
				t.Errorf("%v became %v (%v)", want, read[i], err)
			}
		}
	})
}

// TestPlaces numbers the events of messages: the numbers grow, and only that of the last event of a message is a place to append
// after.
func TestPlaces(t *testing.T) {
	var before journal.Seq
	for seq := uint64(1); seq < 4; seq++ {
		for after := journal.MaxEvents - 1; after >= 0; after-- {
			place := placeOf(seq, after)
			last, ok := lastMessage(place)
			if place <= before || ok != (after == 0) || ok && last != seq {
				t.Fatalf("message %d, %d after it: place %d after %d; %d, %t", seq, after, place, before, last, ok)
			}
			want := seq
			if after == 0 {
				want++
			}
			if got := firstMessage(place); got != want {
				t.Fatalf("after place %d: message %d, want %d", place, got, want)
			}
			before = place
		}
	}
}

// TestPassing tells errors that may pass from those that do not.
func TestPassing(t *testing.T) {
	for err, want := range map[error]bool{
		&net.OpError{Op: "write", Err: syscall.ECONNRESET}:                 true,
		fmt.Errorf("a: %w", &net.OpError{Op: "write", Err: syscall.EPIPE}): true,
		io.EOF:                   true,
		nats.ErrTimeout:          true,
		nats.ErrDisconnected:     true,
		errGap:                   true,
		nats.ErrConnectionClosed: false,
		fmt.Errorf("%w: %w", js.ErrMsgIteratorClosed, nats.ErrConnectionClosed): false,
		nats.ErrPermissionViolation: false,
		js.ErrStreamNotFound:        false,
		journal.ErrConflict:         false,
	} {
		if got := passing(err); got != want {
			t.Errorf("%v: %t", err, got)
		}
	}
}
