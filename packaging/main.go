// Command packaging makes a release from programs that were built: archives, packages, container images, bills of materials,
// manifests of package managers, and their digests. The same inputs give the same bytes. See .ci/release, which calls it.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.in, "in", "", "the folder with what was built: programs/, completions/, version.json, modules.json, source.tar")
	flag.StringVar(&o.source, "source", "..", "the folder with the source, for documents and man pages")
	flag.StringVar(&o.zones, "zones", "", "Go's zoneinfo.zip, for container images")
	flag.StringVar(&o.out, "out", "", "the folder for the release; it must be empty")
	flag.StringVar(&o.base, "base-url", "", "where the release will be downloaded from, for the manifests of package managers")
	flag.Parse()
	if err := run(o, os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		fmt.Fprintln(os.Stderr, "packaging:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct{ in, source, zones, out, base string }

// maxProgram is how large a program may be.
const maxProgram = 25_000_000

// placeholderURL is where manifests point if nobody says where the release will be.
const placeholderURL = "https://downloads.example/cpupdate"

// A target is a system for which programs are built.
type target struct{ os, arch string }

// targets returns all systems.
func targets() []target {
	return []target{{"darwin", "amd64"}, {"darwin", "arm64"}, {"linux", "amd64"}, {"linux", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"}}
}

// program returns the name of the program on the system.
func (t target) program() string {
	if t.os == "windows" {
		return "cpupdate.exe"
	}
	return "cpupdate"
}

// A release is what all artifacts have in common.
type release struct {
	options
	version   string // without the v of the tag
	commit    string
	time      time.Time // of all files
	modules   []moduleDoc
	artifacts []artifact

	creating sync.WaitGroup
	turns    chan struct{} // holds one value for each artifact that is being written
	mu       sync.Mutex
	failed   error // what failed of creating
}

// An artifact is a file of the release that contains the program, or its source.
type artifact struct {
	name    string
	program string // the program in it; empty for the source
}

// A moduleDoc is a module that is linked into the program, as internal/licences/list prints it.
type moduleDoc struct {
	Path     string   `json:"path"`
	Version  string   `json:"version"`
	Licences []string `json:"licences"`
	Files    []struct {
		Name string `json:"name"`
		Text string `json:"text"`
	} `json:"files"`
}

// run makes the release.
func run(o options, epoch string) error {
	r, err := newRelease(o, epoch)
	if err != nil {
		return err
	}
	for _, step := range []func() error{r.archives, r.packages, r.images, r.sourceArchive, r.created, r.bills, r.manifests, r.sums} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// newRelease reads what was built, and checks it.
func newRelease(o options, epoch string) (*release, error) {
	r := &release{options: o, turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
	if entries, err := os.ReadDir(o.out); err != nil {
		return nil, err
	} else if len(entries) > 0 {
		return nil, fmt.Errorf("the folder %s is not empty", o.out)
	}
	var built struct{ Version, Commit, Date string }
	if err := readJSON(filepath.Join(o.in, "version.json"), &built); err != nil {
		return nil, err
	}
	if err := readJSON(filepath.Join(o.in, "modules.json"), &r.modules); err != nil {
		return nil, err
	}
	version, found := strings.CutPrefix(built.Version, "v")
	if !found || built.Date == "" {
		return nil, fmt.Errorf("the program says that its version is %q and its date %q: it was built without its repository and its source archive", built.Version, built.Date)
	}
	r.version, r.commit = version, built.Commit
	var err error
	if r.time, err = sourceDate(epoch, built.Date); err != nil {
		return nil, err
	}
	for _, t := range targets() {
		info, err := os.Stat(r.programFile(t))
		if err != nil {
			return nil, err
		}
		if info.Size() >= maxProgram {
			return nil, fmt.Errorf("the program for %s/%s has %d bytes, more than %d", t.os, t.arch, info.Size(), maxProgram)
		}
	}
	return r, nil
}

// sourceDate returns the time of all files: SOURCE_DATE_EPOCH, or else that of the commit.
func sourceDate(epoch, commit string) (time.Time, error) {
	if epoch == "" {
		return time.Parse(time.RFC3339, commit)
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q, which is not a number of seconds", epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// readJSON reads a file into a value.
func readJSON(name string, value any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// programFile returns where the program for a system is.
func (r *release) programFile(t target) string {
	return filepath.Join(r.in, "programs", t.os+"-"+t.arch, t.program())
}

// artifactName returns the name of a file of the release, such as cpupdate_1.2.3_linux_amd64.deb.
func (r *release) artifactName(end string) string { return "cpupdate_" + r.version + "_" + end }

// create notes an artifact, and has it written beside others: one for each processor, since most of the work is compression.
func (r *release) create(a artifact, write func(*os.File) error) {
	r.artifacts = append(r.artifacts, a)
	r.creating.Go(func() {
		r.turns <- struct{}{}
		defer func() { <-r.turns }()
		f, err := os.OpenFile(filepath.Join(r.out, a.name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err == nil {
			err = errors.Join(write(f), f.Close())
		}
		if err != nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.failed = errors.Join(r.failed, fmt.Errorf("%s: %w", a.name, err))
		}
	})
}

// created waits until all artifacts are written.
func (r *release) created() error {
	r.creating.Wait()
	return r.failed
}
