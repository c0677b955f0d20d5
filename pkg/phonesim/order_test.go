package phonesim_test

import (
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestOrders: a phone asks for nothing that it is told ambiguously.
func TestOrders(t *testing.T) {
	t.Parallel()
	for name, items := range map[string][]string{
		"no items":     {},
		"no file":      {"file-type", "APP"},
		"both":         {"file-type", "APP", "file-https-base-url", "https://SERVICE/file/x", "file-server", "127.0.0.1", "file-name", "x"},
		"no TLS":       {"file-type", "APP", "file-https-base-url", "http://SERVICE/file/x"},
		"bad URL":      {"file-type", "APP", "file-https-base-url", "https://%zz/"},
		"no name":      {"file-type", "APP", "file-server", "127.0.0.1"},
		"bad port":     {"file-type", "APP", "file-server", "127.0.0.1", "file-port", "70000", "file-name", "x"},
		"no type":      {"file-https-base-url", "https://SERVICE/file/x"},
		"other type":   {"file-type", "LOGO", "file-https-base-url", "https://SERVICE/file/x"},
		"index":        {"file-type#1", "APP", "file-https-base-url#1", "https://SERVICE/file/x"},
		"item twice":   {"file-type", "APP", "file-type", "APP", "file-https-base-url", "https://SERVICE/file/x"},
		"several file": {"file-type#1", "APP", "file-https-base-url#1", "https://SERVICE/file/x", "file-type#2", "APP", "file-https-base-url#2", "https://SERVICE/file/x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *world) {
				s := newService(t)
				p := start(t, cp600())
				for i := range items {
					items[i] = strings.ReplaceAll(items[i], "SERVICE", s.address())
				}
				s.say(solicit(t, p.Address(), s), "SoftwareDeployment", items...)
				p.await(phonesim.Declined)
				p.await(phonesim.Ended)
				p.never(phonesim.Fetching)
				if p.State().Instructed != 1 {
					t.Error("it does not know that it was told")
				}
			})
		})
	}
}

// TestPriority: missing, words and digits.
func TestPriority(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		priority string
		busy     bool
	}{{"normal", true}, {"0", true}, {"immediate", false}, {"1", false}, {"", false}} {
		t.Run(test.priority, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *world) {
				s := newService(t)
				s.file = cpb(t, nil)
				p := start(t, cp600(), "busy-forever")
				items := httpsItems(s, test.priority)
				if test.priority == "" {
					items = items[:len(items)-2]
				}
				s.say(solicit(t, p.Address(), s), "SoftwareDeployment", items...)
				if test.busy {
					c := s.expect("reply-to")
					s.say(c, "CleanUp")
					p.await(phonesim.Busy)
					p.never(phonesim.Fetching)
					return
				}
				p.await(phonesim.Started)
			})
		})
	}
}

// TestFileDeployment: one file draws a status, several and a removal behave as the guide says.
func TestFileDeployment(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		s.file = []byte("ring")
		p := start(t, cp600())
		url := "https://" + s.address() + "/file/ring.wav"
		s.say(solicit(t, p.Address(), s), "FileDeployment", "file-action#1", "delete", "file-type#1", "LOGO", "file-name#1", "old.png")
		c := s.expect("status")
		if c.items["file-deployment-status"] != "ok" || c.items["file-deployment-name"] != "old.png" || len(s.gets) != 0 {
			t.Errorf("it says %s", c.body)
		}
		s.say(c, "CleanUp")
		s.say(solicit(t, p.Address(), s), "FileDeployment", "file-https-base-url#1", url, "file-https-base-url#2", url)
		p.await(phonesim.Ended)
		p.await(phonesim.Ended)
		p.await(phonesim.Fetched)
		p.await(phonesim.Fetched)
		p.await(phonesim.Stored)
		// Nothing is said about several files: the next call is the next one that is asked for.
		s.say(solicit(t, p.Address(), s), "FileDeployment", "file-https-base-url", "https://127.0.0.1:1/x", "file-type", "LOGO")
		c = s.expect("status")
		if c.items["file-deployment-status"] != "failed" {
			t.Errorf("it says %s", c.body)
		}
		s.say(c, "CleanUp")
	})
}
