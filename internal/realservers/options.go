package realservers

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// Options are how a server behaves. The zero value is a server without TLS (nginx: with), to which the technician may
// send, and where they may replace, rename and remove.
type Options struct {
	TLS           bool     // FTPS: explicit TLS on both connections, demanded
	MaxTLS12      bool     // TLS 1.2 at the most
	Password      string   // "S3cret-canary-7f" if empty
	EmptyPassword bool     // the password is empty
	NoLogin       bool     // nginx: nobody is asked who they are
	ReadOnly      bool     // nothing can be written
	NoOverwrite   bool     // files that are there cannot be replaced
	Deny          []string // commands that are refused, as RNFR; nginx: methods that it does not know, as DELETE
	FullDisk      int64    // the disk is full after so many bytes, in steps of 4096
	Hash          bool     // ProFTPD: the command HASH and its kin
	Lines         []string // vsftpd, ProFTPD: more lines of the configuration
	IPv6          bool     // on ::1 instead of 127.0.0.1
	Root          string   // the folder that is served; one of the test's if empty
}

// Username is who may log in.
const Username = "technician"

// A Server is a server that is running until the test ends.
type Server struct {
	Kind        Kind
	Access      transfer.Access // the login folder
	Authorities *x509.CertPool  // who signed its certificate
	CAFile      string          // the same, as PEM
	Pin         trust.Pin       // of its key
	Folder      string          // the login folder on the disk

	t       testing.TB
	options Options
	work    string // configuration and logs
	block   block
	address string
	process *process
}

// Trust returns the trust in the server's authority.
func (s *Server) Trust() trust.Policy { return trust.Policy{Authorities: s.Authorities} }

// Files returns what lies in the folder, sorted, with names relative to it; folders end with a slash.
func (s *Server) Files() []string {
	s.t.Helper()
	names := []string{}
	err := filepath.WalkDir(s.Folder, func(path string, entry os.DirEntry, err error) error {
		name, _ := filepath.Rel(s.Folder, path)
		switch {
		case err != nil || name == ".":
			return err
		case entry.IsDir():
			name += "/"
		}
		names = append(names, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// Place writes a file into the folder, as if the technician had sent it; with NoOverwrite as if somebody else had.
func (s *Server) Place(name string, content []byte) {
	s.t.Helper()
	path := filepath.Join(s.Folder, name)
	err := os.WriteFile(path, content, 0o644) //nolint:gosec // the server's user reads it
	if err == nil && !s.options.NoOverwrite {
		err = os.Chown(path, nobody, nobody)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// Read returns a file of the folder.
func (s *Server) Read(name string) []byte {
	s.t.Helper()
	content, err := os.ReadFile(filepath.Join(s.Folder, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return content
}

func (o Options) password() string {
	if o.Password == "" && !o.EmptyPassword {
		return "S3cret-canary-7f"
	}
	return o.Password
}
