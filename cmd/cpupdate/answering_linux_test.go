package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// answering is a program for scripts: answering FILE COMMAND... runs the command at a terminal of its own, and types a line of
// the file for each question that the terminal shows. What the command writes goes where the program's own output goes.
func answering() {
	code, err := answer(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "answering:", err)
		code = 99
	}
	os.Exit(code)
}

func answer(file string, args []string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	master, slave, err := terminalPair()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // it ends with the script
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	_ = slave.Close()
	go func() {
		answers := strings.SplitAfter(string(text), "\n")
		shown := ""
		for b := make([]byte, 1); ; {
			if _, err := master.Read(b); err != nil {
				return
			}
			shown += string(b)
			question := strings.HasSuffix(shown, "Type yes: ") || strings.HasSuffix(shown, ": ") && strings.Contains(shown, "Password")
			if !question || len(answers) == 0 {
				continue
			}
			_, _ = master.WriteString(answers[0])
			answers, shown = answers[1:], ""
		}
	}()
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// terminalPair makes a terminal.
func terminalPair() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	return master, slave, err
}
