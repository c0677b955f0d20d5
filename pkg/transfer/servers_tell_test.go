package transfer_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A quiet is a server that does not tell or allow everything.
type quiet struct {
	name    string
	model   model
	options realservers.Options
	blind   bool           // with --no-overwrite nothing is sent, also if the name is free
	proof   transfer.Proof // of a new file, "" if it differs
	replace transfer.Kind  // how an upload over an existing file ends, "" if it succeeds
}

func quietServers() []quiet {
	vsftpd, proftpd := model{realservers.VSFTPD, false}, model{realservers.ProFTPD, false}
	noSize := []string{"SIZE", "MDTM"}
	return []quiet{
		{"vsftpd without SIZE", vsftpd, realservers.Options{Deny: noSize}, false, transfer.ProofSize, ""},
		{"vsftpd TLS without SIZE", model{realservers.VSFTPD, true}, realservers.Options{Deny: noSize}, false, transfer.ProofSize, ""},
		{"vsftpd without SIZE and listing", vsftpd, realservers.Options{Deny: noSize, Lines: []string{"dirlist_enable=NO"}}, true, transfer.ProofReadBack, ""},
		{"vsftpd without SIZE, one file hidden", vsftpd, realservers.Options{Deny: noSize, Lines: []string{"hide_file={" + name + "}"}}, false, "", ""},
		{"vsftpd, upload only", vsftpd, realservers.Options{Lines: []string{"download_enable=NO", "dirlist_enable=NO"}}, true, transfer.ProofSize, ""},
		{"vsftpd, no renaming and removing", vsftpd, realservers.Options{Deny: []string{"RNFR", "RNTO", "DELE"}}, false, transfer.ProofSize, transfer.KindDenied},
		{"vsftpd, no .part", vsftpd, realservers.Options{Lines: []string{"deny_file={*.part}"}}, false, transfer.ProofSize, ""},
		{"ProFTPD, no .part", proftpd, realservers.Options{Lines: []string{`PathDenyFilter \.part$`}}, false, transfer.ProofSize, ""},
		{"ProFTPD, *.bind only", proftpd, realservers.Options{Lines: []string{`PathAllowFilter \.bind$`}}, false, transfer.ProofSize, ""},
		{"ProFTPD without SIZE and MLST", proftpd, realservers.Options{Deny: []string{"SIZE", "MDTM", "MLST", "MLSD"}}, false, transfer.ProofSize, ""},
		{"ProFTPD, no removing", proftpd, realservers.Options{Deny: []string{"DELE"}}, false, transfer.ProofSize, ""},
	}
}

// TestServersQuiet has real servers that do not tell whether a file is there, or forbid what an upload needs: what can be
// done is done and proven, nothing that was there is lost, and nothing stays.
func TestServersQuiet(t *testing.T) {
	t.Parallel()
	for _, q := range quietServers() {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			s := q.model.start(t, q.options)
			file, old := content(0), []byte("somebody else's")
			for _, inPlace := range []bool{false, true} {
				u := upload(file)
				u.InPlace = inPlace
				got := s.put(t, transfer.Options{}, u)
				got.succeeds(t)
				s.holds(t, only(file))
				if q.proof != "" && !slices.Contains(got.Proofs, q.proof) {
					t.Errorf("proofs %q", got.Proofs)
				}
				s.place(t, old)
				u.NoOverwrite = true
				got = s.put(t, transfer.Options{Retries: 2}, u)
				got.fails(t, transfer.KindExists)
				s.holds(t, only(old))
				s.empty(t)
				got = s.put(t, transfer.Options{Retries: 2}, u)
				if q.blind {
					got.fails(t, transfer.KindExists)
					s.holds(t, nothing())
				} else {
					got.succeeds(t)
					s.holds(t, only(file))
				}
				if got.count(transfer.StepDialog, "> STOR") > 0 == q.blind {
					t.Error(got.events)
				}
				s.empty(t)
			}
			s.place(t, old)
			got := s.put(t, transfer.Options{Retries: 2}, upload(file))
			if q.replace != "" {
				refused(t, got, q.replace)
				s.holds(t, only(old))
				return
			}
			got.succeeds(t)
			s.holds(t, only(file))
		})
	}
}

// TestServersQuietTry has them tried: nothing stays on any of them.
func TestServersQuietTry(t *testing.T) {
	t.Parallel()
	for _, q := range quietServers() {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			s := q.model.start(t, q.options)
			store, err := transfer.Dial(t.Context(), s.access, s.options(transfer.Options{}))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			err = store.Try(t.Context())
			if forbidden := slices.Contains(q.options.Deny, "DELE"); (err != nil) != forbidden {
				t.Error(err)
			}
			s.holds(t, nothing())
		})
	}
}

// TestServersStrictEnd has a server that wants the client's end of TLS on what it sends.
func TestServersStrictEnd(t *testing.T) {
	t.Parallel()
	for _, deny := range [][]string{nil, {"SIZE", "MDTM"}} {
		s := model{realservers.VSFTPD, true}.start(t, realservers.Options{Deny: deny, Lines: []string{"strict_ssl_write_shutdown=YES", "strict_ssl_read_eof=YES"}})
		u := upload(content(1 << 20))
		u.ReadBack = true
		for range 2 {
			got := s.put(t, transfer.Options{}, u)
			got.succeeds(t)
			s.holds(t, only(content(1<<20)))
			if !slices.Contains(got.Proofs, transfer.ProofReadBack) || strings.Contains(got.events.String(), "< 426 ") {
				t.Errorf("%+v\n%s", got.Location, got.events)
			}
		}
	}
}

// TestServersTickets has ProFTPD with TLS 1.2 only: with session tickets data connections resume the session.
func TestServersTickets(t *testing.T) {
	t.Parallel()
	s := model{realservers.ProFTPD, true}.start(t, realservers.Options{MaxTLS12: true, Lines: []string{"TLSSessionTickets on"}})
	s.put(t, transfer.Options{}, upload(content(0))).succeeds(t)
	s.holds(t, only(content(0)))
}

// TestServersLongFinalName has a name that a server finds too long: nothing is sent.
func TestServersLongFinalName(t *testing.T) {
	t.Parallel()
	s := model{realservers.ProFTPD, false}.start(t, realservers.Options{})
	deep := s
	for range 2 {
		deep = deep.sub(t, strings.Repeat("d", 200))
	}
	if _, err := os.Stat(filepath.Join(deep.folder, "x")); err == nil {
		t.Fatal("it is there")
	}
	u := upload(content(1000))
	u.Name = strings.Repeat("n", 255)
	deep.put(t, transfer.Options{}, u).succeeds(t)
	deep.holds(t, map[string][]byte{u.Name: content(1000)})
}

// TestServersAnonymous has the usual drop folder: users without a login may upload, and neither rename nor remove.
func TestServersAnonymous(t *testing.T) {
	t.Parallel()
	s := model{realservers.VSFTPD, false}.start(t, realservers.Options{Lines: []string{
		"anonymous_enable=YES", "ftp_username=" + realservers.Username, "no_anon_password=YES", "anon_upload_enable=YES", "anon_umask=022", "anon_other_write_enable=NO",
	}})
	if err := os.Chown(s.folder, 0, 0); err != nil { // vsftpd wants a root that nobody can write in
		t.Fatal(err)
	}
	s = s.sub(t, "drop")
	s.access.Username = "anonymous"
	file, old := content(0), []byte("somebody else's")
	got := s.put(t, transfer.Options{Retries: 2}, upload(file))
	got.succeeds(t)
	s.holds(t, only(file))
	if !got.InPlace || got.count(transfer.StepInPlace, "the server does not rename: Permission denied.") != 1 {
		t.Errorf("%+v\n%s", got.Location, got.events)
	}
	s.place(t, old)
	for range 3 {
		got = s.put(t, transfer.Options{Retries: 2}, upload(file))
		refused(t, got, transfer.KindDenied)
		if got.count(transfer.StepDialog, "> STOR") != 0 {
			t.Error(got.events)
		}
	}
	s.holds(t, only(old))
	store, err := transfer.Dial(t.Context(), s.access, s.options(transfer.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if e := (*transfer.Error)(nil); !errors.As(store.Try(t.Context()), &e) || e.Kind != transfer.KindDenied || e.Op != transfer.OpRemove {
		t.Errorf("%v", e)
	}
	s.holds(t, only(old))
}
