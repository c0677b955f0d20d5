package badserver

import (
	"crypto/tls"
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// FTP is an FTP server, with TLS or without.
type FTP struct {
	core
	secure      bool
	authority   *testca.Authority
	certificate tls.Certificate
	control     *tls.Config
	data        *tls.Config // the same, unless a fault has changed it
	features    []string
	folders     map[string]bool
	faults      []*planned

	forgetOnReset bool // a file whose data connection is reset is removed
	noReplace     bool // RNTO refuses a name that is taken
	reuse         bool // data connections have to resume the session of the control connection
	strict        bool // who ends TLS of a download without saying so has cut it
	onlySSL       bool // AUTH knows SSL, and not TLS
	hidden        bool // listings lack what has no temporary name
}

// A Fault changes an [FTP] server before it starts.
type Fault func(*FTP)

// planned is an action that waits for its step.
type planned struct {
	step string
	left int // how often it is still to come; negative: always
	do   Action
}

// An Action is what the server does at a step instead of the default.
type Action func(*Call)

// The steps that are no verb.
const (
	Greeting  = "greeting"
	Handshake = "handshake"      // of TLS on the control connection, after the reply to AUTH
	DataTLS   = "data-handshake" // of TLS on a data connection
	Incoming  = "data"           // the data of STOR
	Complete  = "complete"       // the reply after the data of STOR
)

// Always has the server do something at each step of the name: a verb, or one of the constants.
func Always(step string, do Action) Fault { return First(-1, step, do) }

// Once has the server do something at the first step of the name.
func Once(step string, do Action) Fault { return First(1, step, do) }

// First has the server do something at the first n steps of the name.
func First(n int, step string, do Action) Fault {
	return func(s *FTP) { s.faults = append(s.faults, &planned{step, n, do}) }
}

// All is several faults in one.
func All(faults ...Fault) Fault {
	return func(s *FTP) {
		for _, f := range faults {
			f(s)
		}
	}
}

// Feature has FEAT tell one more line; HASH and XSHA256 are known only so.
func Feature(line string) Fault {
	return func(s *FTP) { s.features = append(s.features, line) }
}

// Without takes a line out of FEAT's answer; its verb is not known then.
func Without(verb string) Fault {
	return func(s *FTP) {
		s.features = slices.DeleteFunc(s.features, func(line string) bool { return strings.HasPrefix(line, verb) })
		Always(verb, Say("502 Command not implemented.\r\n"))(s)
	}
}

// NewFTP starts a server without TLS.
func NewFTP(t testing.TB, faults ...Fault) *FTP {
	t.Helper()
	return newFTP(t, false, faults)
}

// NewFTPS starts a server that wants AUTH TLS before anything else.
func NewFTPS(t testing.TB, faults ...Fault) *FTP {
	t.Helper()
	return newFTP(t, true, faults)
}

func newFTP(t testing.TB, secure bool, faults []Fault) *FTP {
	t.Helper()
	s := &FTP{
		secure:   secure,
		features: []string{"EPSV", "PASV", "UTF8", "SIZE", "MLST type*;size*;modify*;", "TVFS"},
		folders:  map[string]bool{"/": true, Folder: true},
	}
	s.t = t
	if secure {
		s.features = append(s.features, "AUTH TLS", "PBSZ", "PROT")
		s.authority = testca.NewAuthority(t)
		s.certificate = s.authority.Issue(nil)
		s.control = serverConfig(s.certificate)
		s.data = s.control
	}
	for _, f := range faults {
		f(s)
	}
	s.start(t, func(id int, conn *net.TCPConn) { newSession(s, id, conn).serve() })
	return s
}

// Access is what a client needs to log in and to find [Folder].
func (s *FTP) Access() transfer.Access {
	a := transfer.Access{
		Method:   transfer.FTP,
		Server:   netip.MustParseAddrPort(s.Addr()).Addr().String(),
		Port:     s.port(),
		Account:  Account,
		Username: User,
		Password: secret.New(Password),
		Path:     Folder,
	}
	if s.secure {
		a.Method = transfer.FTPS
	}
	return a
}

// Trust is the authority that signed the server's first certificate.
func (s *FTP) Trust() trust.Policy {
	if !s.secure {
		return trust.Policy{}
	}
	return trust.Policy{Authorities: s.authority.Pool()}
}

// Authority signs for the server; nil without TLS.
func (s *FTP) Authority() *testca.Authority { return s.authority }

// Pin is that of the server's first certificate.
func (s *FTP) Pin() trust.Pin { return trust.PinOf(s.certificate.Leaf) }

// fault returns what is planned for a step, or nil.
func (s *FTP) fault(step string) Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.faults {
		if p.step == step && p.left != 0 {
			p.left--
			return p.do
		}
	}
	return nil
}

// knows reports whether FEAT names the verb.
func (s *FTP) knows(verb string) bool {
	return slices.ContainsFunc(s.features, func(line string) bool { return strings.HasPrefix(line, verb) })
}

// mechanisms returns what AUTH knows.
func (s *FTP) mechanisms() []string {
	if s.onlySSL {
		return []string{"SSL"}
	}
	return []string{"TLS", "SSL"}
}

func (s *FTP) hasFolder(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.folders[name]
}

// makeFolder reports whether the folder is new and has a parent.
func (s *FTP) makeFolder(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folders[name] || !s.folders[path.Dir(name)] {
		return false
	}
	s.folders[name] = true
	return true
}

// list returns the names in a folder, sorted.
func (s *FTP) list(folder string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.files {
		if path.Dir(name) == folder {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names
}
