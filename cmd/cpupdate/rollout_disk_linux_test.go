package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// TestRolloutFullDisk fills the disk of the journal while phones are on their way. No further phone is instructed, those on their
// way are followed to their end, and once there is space the same command goes on.
func TestRolloutFullDisk(t *testing.T) {
	t.Parallel()
	folder := smallDisk(t, "size=2m")
	if folder == "" {
		return
	}
	// A phone a second: the disk is full long before all of them can be instructed.
	const phones = 12
	s := newSiteOf(t, newSwarm(t, phones), newImageOf(t, 1<<20), folder, "--waves", "rest", "--parallel", "3", "--start-rate", "60/m")
	p := s.start("run", "spring")
	from := s.count()
	s.search(p.ended, func(printed []swarmLine) bool {
		told := 0
		for _, l := range printed[from:] {
			if l.Event == "told" {
				told++
			}
		}
		return told >= phones/4
	})
	ballast := filepath.Join(folder, "ballast")
	fillDisk(t, ballast)
	r := p.wait()
	if r.code != exit.CodeSettings {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	saysLines(t, r.errOut, `^cpupdate: .*(what happened last is not recorded for \d+ phones|journal ).*no space is left on the disk`,
		`^hint: make room on that disk; to go on: cpupdate rollout run spring --journal \S+$`)
	told := s.instructed()
	if len(told) == 0 || len(told) == phones {
		t.Errorf("%d of %d phones were instructed", len(told), phones)
	}
	// A look needs no space.
	if r := s.here("status", "spring"); r.code != exit.CodeOK {
		t.Errorf("status: %d\n%s", r.code, r.errOut)
	}
	// Without space, no run instructs a phone.
	if r := s.start("run", "spring").wait(); r.code != exit.CodeSettings || len(s.instructed()) != len(told) {
		t.Errorf("another run without space: exit code %d, %d phones instructed\n%s", r.code, len(s.instructed()), r.errOut)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if r := s.start("run", "spring").wait(); r.code != exit.CodeOK {
		t.Errorf("with space: %d\n%s%s", r.code, r.out, r.errOut)
	}
	s.checkOnce()
	s.agree()
}

// smallDisk mounts a small disk. Where that is not allowed, it runs the test as root of a user namespace, in which it is; and where
// there is no such namespace either, it says so. It returns "" if the test is not to go on in this process.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	if os.Getuid() != 0 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v") //nolint:gosec // this program
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		output, err := cmd.CombinedOutput()
		if failed := (*exec.ExitError)(nil); errors.As(err, &failed) || err == nil && !strings.Contains(string(output), "--- PASS: "+t.Name()) {
			t.Errorf("in a user namespace: %v\n%s", err, output)
		} else if err != nil {
			t.Skip("no disk can be mounted: only root may, and this machine lets nobody else make a user namespace: ", err)
		}
		return ""
	}
	folder := t.TempDir()
	if output, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", options, "cpupdate-test", folder).CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no disk can be mounted: %s", output)
		}
		t.Skipf("no disk can be mounted: %s", output)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "--lazy", folder).Run() }) //nolint:noctx // the test's context has ended
	return folder
}

// fillDisk writes a file until there is no space left.
func fillDisk(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{64 << 10, 4 << 10, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}
