package realservers

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// A process is a server's main process and, through its group and its children, the others.
type process struct {
	command *exec.Cmd
	ended   chan struct{}
}

// startProcess starts a program in a group of its own. It ends with the test, even if the test is killed.
func startProcess(ctx context.Context, output string, environment, command []string) (*process, error) {
	file, err := os.OpenFile(output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	p := &process{exec.CommandContext(ctx, command[0], command[1:]...), make(chan struct{})} //nolint:gosec // our own words
	p.command.Stdout, p.command.Stderr = file, file
	p.command.Dir = filepath.Dir(output)
	p.command.Env = append(p.command.Environ(), environment...)
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		_ = p.command.Wait()
	}()
	return p, nil
}

// kill ends the process, its group, and children that left the group.
func (p *process) kill() {
	pid := p.command.Process.Pid
	all := append(descendants(pid), pid)
	select {
	case <-p.ended: // the number may be another's by now
	default:
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		for _, child := range all {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
	}
	<-p.ended
}

// descendants returns the processes below one.
func descendants(pid int) []int {
	var all []int
	files, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, file := range files {
		content, _ := os.ReadFile(file)
		for word := range strings.FieldsSeq(string(content)) {
			if child, err := strconv.Atoi(word); err == nil {
				all = append(append(all, child), descendants(child)...)
			}
		}
	}
	return all
}
