package realservers

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// makeFolder makes the folder that is served, with the owner and the mode that the options ask for.
func (s *Server) makeFolder() {
	s.t.Helper()
	s.Folder = s.options.Root
	if s.Folder == "" {
		s.Folder = filepath.Join(s.t.TempDir(), "served")
		s.must(os.Mkdir(s.Folder, 0o755)) //nolint:gosec // the server's user reads it
	}
	s.openWay()
	if s.options.FullDisk > 0 {
		s.mount()
	}
	owner, mode := nobody, os.FileMode(0o755)
	switch {
	case s.options.ReadOnly:
		owner = 0
	case s.options.NoOverwrite:
		owner, mode = 0, 0o777|os.ModeSticky
	}
	s.must(os.Chown(s.Folder, owner, owner))
	s.must(os.Chmod(s.Folder, mode))
}

// openWay lets the server's user pass through the test's own folders, which are closed to everybody.
func (s *Server) openWay() {
	s.t.Helper()
	for folder := filepath.Dir(s.Folder); strings.HasPrefix(folder, filepath.Clean(os.TempDir())+"/"); folder = filepath.Dir(folder) {
		info, err := os.Stat(folder)
		s.must(err)
		s.must(os.Chmod(folder, info.Mode()|0o011))
	}
}

// mount puts a small disk where the folder is.
func (s *Server) mount() {
	s.t.Helper()
	ctx := context.WithoutCancel(s.t.Context())
	size := strconv.FormatInt((s.options.FullDisk+4095)/4096*4096, 10)
	//nolint:gosec // our own words
	output, err := exec.CommandContext(ctx, "mount", "-t", "tmpfs", "-o", "size="+size, "cpupdate-test", s.Folder).CombinedOutput()
	if err != nil {
		lack(s.t, "no small disk can be mounted here: "+string(output))
	}
	s.t.Cleanup(func() {
		s.Stop()
		_ = exec.CommandContext(ctx, "umount", "--lazy", s.Folder).Run() //nolint:gosec // our own words
	})
}

// must ends the test if there is an error.
func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
