package realservers

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// A Kind is a server program.
type Kind string

// The servers; each is the name of its program.
const (
	VSFTPD   Kind = "vsftpd"
	ProFTPD  Kind = "proftpd"
	PureFTPd Kind = "pure-ftpd"
	Nginx    Kind = "nginx"
)

// FTPServers returns the servers that speak FTP and FTPS.
func FTPServers() []Kind { return []Kind{VSFTPD, ProFTPD, PureFTPd} }

// Servers returns all servers.
func Servers() []Kind { return append(FTPServers(), Nginx) }

// prepared is where .ci/servers puts the programs.
const prepared = "/usr/lib/cpupdate-test"

// Find returns the path of a server's program.
func Find(kind Kind) (path string, ok bool) { return find(string(kind)) }

func find(program string) (path string, ok bool) {
	for _, folder := range []string{prepared, "/usr/local/sbin", "/usr/sbin"} {
		path, err := exec.LookPath(filepath.Join(folder, program))
		if err == nil {
			return path, true
		}
	}
	path, err := exec.LookPath(program)
	return path, err == nil
}

// Require skips the test if the server cannot be started here, or ends it as failed if CI is set in the environment.
func Require(t testing.TB, kind Kind) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the servers are started on Linux only")
	}
	if _, ok := Find(kind); !ok {
		lack(t, string(kind)+" is not installed (.ci/servers does it)")
	}
	if os.Geteuid() != 0 {
		lack(t, string(kind)+" can be started by root only")
	}
	if kind == VSFTPD && exec.CommandContext(t.Context(), "unshare", "--mount", "true").Run() != nil {
		lack(t, "vsftpd needs a mount namespace, which is not permitted here (a container needs CAP_SYS_ADMIN)")
	}
}

// lack ends a test for which something is missing.
func lack(t testing.TB, problem string) {
	t.Helper()
	if os.Getenv("CI") != "" { //nolint:forbidigo // this package is for tests: CI decides what a missing program means
		t.Fatal(problem)
	}
	t.Skip(problem)
}
