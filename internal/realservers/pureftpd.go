package realservers

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
)

// configurePureFTPd makes the users of Pure-FTPd, whose other settings are all on the command line.
//
// Its TLS resumes sessions but does not demand it.
func (s *Server) configurePureFTPd(program string) []string {
	s.t.Helper()
	tool, ok := find("pure-pw")
	if !ok {
		lack(s.t, "pure-pw is not installed (.ci/servers does it)")
	}
	s.write("users", fmt.Sprintf("%s:%s:%d:%d::%s/./::::::::::::\n", Username, s.hash(), nobody, nobody, s.Folder))
	ctx := context.WithoutCancel(s.t.Context())
	//nolint:gosec // our own words
	if output, err := exec.CommandContext(ctx, tool, "mkdb", s.path("users.pdb"), "-f", s.path("users")).CombinedOutput(); err != nil {
		s.t.Fatalf("pure-pw: %v: %s", err, output)
	}
	command := []string{
		program, "--login", "puredb:" + s.path("users.pdb"), "--noanonymous", "--chrooteveryone", "--dontresolve", "--verboselog",
		"--bind", fmt.Sprintf("%s,%d", s.address, s.block.control()),
		"--passiveportrange", fmt.Sprintf("%d:%d", s.block.firstData(), s.block.lastData()),
		"--pidfile", s.path("pid"), "--altlog", "clf:" + s.path("log"), "--syslogfacility", "none", "--umask", "133:022", "--allowdotfiles",
	}
	if s.options.TLS {
		command = append(command, "--tls", "3", "--certfile", s.path(bothFile))
	}
	for _, denied := range s.options.Deny {
		s.refuse("Pure-FTPd", !slices.Contains([]string{"RNFR", "RNTO"}, denied), "Deny "+denied)
	}
	if len(s.options.Deny) > 0 {
		command = append(command, "--norename")
	}
	s.refuse("Pure-FTPd", s.options.Hash, "Hash")
	s.refuse("Pure-FTPd", len(s.options.Lines) > 0, "Lines")
	return command
}

// refuse ends the test if an option is set that the server does not have.
func (s *Server) refuse(name string, set bool, option string) {
	s.t.Helper()
	if set {
		s.t.Fatalf("%s cannot do this: %s", name, option)
	}
}

// emptyHash is the empty password as crypt(3) writes it.
const emptyHash = "$6$canary$PZMBk645KPVOHQd4ej615DwyCRuzOdREc5qavKip0UD0gL/3qMhvQ7WHQCrQyteBUGhBlwDm.f.AlXuuX7ZCg."

// hash returns the password as crypt(3) writes it.
func (s *Server) hash() string {
	s.t.Helper()
	if s.options.password() == "" {
		return emptyHash // openssl makes none of it
	}
	ctx := context.WithoutCancel(s.t.Context())
	output, err := exec.CommandContext(ctx, "openssl", "passwd", "-6", "-salt", "canary", "--", s.options.password()).Output() //nolint:gosec // our own words
	if err != nil {
		lack(s.t, "openssl is not installed")
	}
	return string(output[:len(output)-1])
}
