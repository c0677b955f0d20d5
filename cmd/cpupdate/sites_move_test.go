package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// here runs a command on a machine that has the journal of the sites in a file.
func (s *sites) here(args ...string) ran {
	s.t.Helper()
	a, out, errOut := testApp(s.t, nil)
	a.record.Variable = s.file
	c := run(s.t.Context(), a, args)
	return ran{c, out.String(), errOut.String()}
}

// serveHere are flags of a run or worker that gives phones the image.
func serveHere(t *testing.T) []string {
	t.Helper()
	return append(serviceFlags(t), "--contact-interval", "100ms", "--probe-interval", "50ms", "--patience", "20s")
}

// TestDocsSitesMove runs the commands with which docs/sites.md begins a rollout with a file, and goes on with it with the server.
func TestDocsSitesMove(t *testing.T) {
	t.Parallel()
	s := newSites(t, 6, "berlin", "paris", "rome")
	s.file = filepath.Join(s.folder, "journal.db")
	url, files := protectedServer(t, s.folder)
	files["tls://centre.example"], files["cp600.bind"], files["sites.csv"] = url, s.image, s.list
	var first *siteWorker
	for line := range strings.Lines(sitesBlock(t, "sh move")) {
		words := strings.Fields(line)[1:]
		for i, word := range words {
			if file, known := files[word]; known {
				words[i] = file
			}
		}
		onServer, command := strings.Contains(line, "--nats "), words[0]
		if command == "rollout" {
			command = words[1]
		}
		switch {
		case command == "work":
			s.start(append(words, serveHere(t)...)...).until("waits for a rollout")
			continue
		case command == "run" && !onServer:
			first = s.start(append(words, serveHere(t)...)...)
			first.until("wave 2 waits for you")
			continue
		}
		r := s.here(words...)
		if r.code != exit.CodeOK {
			t.Fatalf("%s: exit code %d\n%s%s", line, r.code, r.out, r.errOut)
		}
		switch {
		case command == "stop":
			if code := <-first.ended; code != exit.CodeStopped {
				t.Errorf("the run with the file ends with exit code %d\n%s%s", code, first.out, first.errOut)
			}
		case command == "status":
			saysAll(t, r.out, "1 updated, 0 failed, 0 on their way, 0 waiting", "0 updated, 0 failed, 0 on their way, 5 waiting")
		case command == "report" && onServer:
			if n := strings.Count(r.out, "nothing-to-do"); n != 1 || strings.Count(r.out, ",updated,") != 5 {
				t.Errorf("%d phones were updated before\n%s", n, r.out)
			}
		case command == "history":
			saysAll(t, r.out, "updated")
		}
	}
	s.agree()
}

// TestSitesMoveTooEarly goes on with the server while a phone may still be on its way by a run with a file. Neither the centre nor a worker that
// has this file begins any phone, and both say until when.
func TestSitesMoveTooEarly(t *testing.T) {
	t.Parallel()
	// The phone that is instructed reports its old version as long as anybody asks it.
	s := newSitesOf(t, newSwarm(t, 2, "--fault", "1=reject-image", "--fault", "2=reject-image"), "berlin")
	s.file = filepath.Join(s.folder, "journal.db")
	if r := s.here("rollout", "plan", s.image, "--phones", s.list, "--offline", "--name", "first", "--waves", "1,rest", "--pause", "each"); r.code != exit.CodeOK {
		t.Fatalf("plan: %d\n%s", r.code, r.errOut)
	}
	from := s.count()
	first := s.start(append([]string{"rollout", "run", "first"}, serveHere(t)...)...)
	phone := s.next(from, "fetched", "", nil)
	first.stop()
	if code := <-first.ended; code != exit.CodeInterrupted {
		t.Fatalf("exit code %d\n%s%s", code, first.out, first.errOut)
	}
	s.plan("--waves", "rest")
	centre := s.start("rollout", "run", "spring", "--nats", s.server.ClientURL())
	centre.untilIn(centre.errOut, "\n")
	says := strings.Join(strings.Fields(centre.errOut.String()), " ")
	saysAll(t, says, "1 phone may be on its way by a run with the journal", ", which instructed "+phone+" at 20", ": no phone is begun until 20", "hint: wait until then")
	if t.Failed() {
		return // the run waits for workers
	}
	if code := <-centre.ended; code != exit.CodeUnreachable {
		t.Errorf("exit code %d\n%s", code, says)
	}

	// The centre is another machine: the worker has the file.
	far := *s
	far.file = ""
	centre = far.start("rollout", "run", "spring", "--nats", s.server.ClientURL())
	w := s.work(s.server.ClientURL(), "berlin")
	w.untilIn(w.errOut, "it is tried again every minute")
	if r := s.centre("stop", "spring"); r.code != exit.CodeOK {
		t.Fatalf("stop: %d\n%s", r.code, r.errOut)
	}
	if code := <-centre.ended; code != exit.CodeStopped {
		t.Errorf("exit code %d\n%s%s", code, centre.out, centre.errOut)
	}
	if r := s.centre("resume", "spring"); r.code != exit.CodeUnreachable {
		t.Errorf("resume: %d\n%s%s", r.code, r.out, r.errOut)
	}
	w.end()
	if told := s.instructed(); len(told) != 1 || told[phone] != 1 {
		t.Errorf("instructed: %v", told)
	}

	// The time of the plan counts.
	if r := s.centre("plan", s.image, "--phones", s.list, "--offline", "--name", "later", "--settle", "1ms"); r.code != exit.CodeOK {
		t.Fatalf("plan: %d\n%s", r.code, r.errOut)
	}
	later := s.start("rollout", "run", "later", "--nats", s.server.ClientURL())
	later.untilIn(later.errOut, "offered to the workers of 1 site")

	// A file that cannot be read is named, and does not end the command.
	broken := *s
	broken.file = s.image
	later = broken.start("rollout", "run", "later", "--nats", s.server.ClientURL())
	later.untilIn(later.errOut, "offered to the workers of 1 site")
	saysAll(t, strings.Join(strings.Fields(later.errOut.String()), " "), "warning: later: whether phones are on their way by a run with the journal in a file is not known: journal "+broken.file+" is not a journal")
}
