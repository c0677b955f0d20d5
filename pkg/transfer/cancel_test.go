package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// Whoever cancels at any moment is told the truth: the file is there and Put says so, or it is not, nothing of it is
// there, and the old one is as it was. The moments are the steps, and each line of the dialogue.
func TestCancelAtEachMoment(t *testing.T) {
	t.Parallel()
	starts := map[string]func(t *testing.T) server{
		"ftp":   func(t *testing.T) server { return badserver.NewFTP(t) },
		"ftps":  func(t *testing.T) server { return badserver.NewFTPS(t) },
		"https": func(t *testing.T) server { return badserver.NewHTTPS(t) },
		"https written through": func(t *testing.T) server {
			return badserver.NewHTTPS(t, badserver.WriteThrough, badserver.Login(badserver.Digest("SHA-256", "auth", 0)))
		},
	}
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outcomes := map[bool]int{}
			for moment := 1; ; moment++ {
				reached, done := cancelAt(t, start(t), strings.HasSuffix(name, "through"), moment)
				if !reached {
					break
				}
				outcomes[done]++
			}
			if outcomes[true] == 0 || outcomes[false] < 5 {
				t.Errorf("%d moments ended well and %d did not: the test does not see both", outcomes[true], outcomes[false])
			}
		})
	}
}

// cancelAt cancels when Put tells its moment-th event. On a server that writes through the old file may be lost. It reports whether there was one, and whether Put succeeded.
func cancelAt(t *testing.T, s server, through bool, moment int) (reached, done bool) {
	t.Helper()
	file, old := content(300<<10), []byte("the old one")
	place := badserver.Folder + "/" + name
	s.Put(place, old)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	count, what := 0, ""
	o := transfer.Options{Trust: s.Trust(), Timeout: time.Minute, CleanUp: time.Minute, Event: func(e transfer.Event) {
		if count++; count == moment {
			what = string(e.Step) + " " + e.Text
			cancel()
		}
	}}
	_, err := put(ctx, s.Access(), o, transfer.Upload{Name: name, Content: io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file)))})
	s.WaitClosed()
	there := s.Files()
	e := (*transfer.Error)(nil)
	switch {
	case what == "":
		return false, err == nil
	case err == nil && !bytes.Equal(there[place], file):
		t.Errorf("cancelled at %q: success, and %d bytes are there", what, len(there[place]))
	case err == nil:
	case !errors.Is(err, context.Canceled):
		t.Errorf("cancelled at %q: %v", what, err)
	case errors.As(err, &e) && e.Left != "":
	case !bytes.Equal(there[place], old) && (!through || there[place] != nil):
		t.Errorf("cancelled at %q: %d bytes are there, and nobody is told: %v", what, len(there[place]), err)
	}
	for other := range there {
		if strings.HasSuffix(other, ".part") {
			t.Errorf("cancelled at %q: %s is left", what, other)
		}
	}
	return true, err == nil
}

// A rename that is under way is waited for, however slow the server is: else nobody would know which name the file has.
func TestCancelWhileRenaming(t *testing.T) {
	slow := func(c *badserver.Call) {
		reply := c.Default()
		timer := time.NewTimer(700 * time.Millisecond)
		defer timer.Stop()
		<-timer.C
		c.Send(reply)
	}
	s := badserver.NewFTP(t, badserver.Always("RNTO", slow))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	file := content(1000)
	o := transfer.Options{Timeout: time.Minute, CleanUp: time.Minute, Event: func(e transfer.Event) {
		if strings.HasPrefix(e.Text, "> RNTO") {
			cancel()
		}
	}}
	_, err := put(ctx, s.Access(), o, transfer.Upload{Name: name, Content: io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file)))})
	s.WaitClosed()
	if err != nil || !bytes.Equal(s.Files()[badserver.Folder+"/"+name], file) {
		t.Errorf("%v, and there are %d files", err, len(s.Files()))
	}
}
