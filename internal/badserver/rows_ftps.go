package badserver

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/cpupdate/cpupdate/internal/testca"
)

// authRows are servers that do not get as far as TLS.
func authRows() []FTPRow {
	rows := []FTPRow{
		row("auth-500", "AUTH", Say("500 Unknown command.\r\n")),
		row("auth-502", "AUTH", Say("502 Command not implemented.\r\n")),
		row("auth-530", "AUTH", Say("530 Please log in.\r\n")),
		row("auth-534", "AUTH", Say("534 Policy says no.\r\n")),
		row("auth-421", "AUTH", SayAndClose("421 Too many users.\r\n")),
		row("auth-closed", "AUTH", func(c *Call) { c.Close() }),
		silent(row("auth-silent", "AUTH", func(c *Call) { c.Silence() })),
		row("auth-injected-reply", "AUTH", Say("234 Go ahead.\r\n220 Injected.\r\n")),
		row("auth-injected-logins", "AUTH", Say("234 Go ahead.\r\n331 Injected.\r\n230 Injected.\r\n")),
		row("auth-injected-half-line", "AUTH", Say("234 Go ahead.\r\n230 Inj")),
		row("pbsz-refused", "PBSZ", Say("503 No.\r\n")),
		row("prot-refused", "PROT", Say("536 Not that level.\r\n")),
		row("prot-421", "PROT", SayAndClose("421 Too many users.\r\n")),
		{Name: "session-reuse-required", Faults: []Fault{func(s *FTP) { s.reuse = true }}},
		{Name: "tls-well-behaved"},
	}
	for i := range rows {
		rows[i].TLS = true
	}
	return rows
}

// What a server says that breaks a handshake off.
const (
	alert       = "\x15\x03\x03\x00\x02\x02\x28" // handshake_failure
	halfAHello  = "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03half"
	noHello     = "530 This is no TLS.\r\n"
	wrongRecord = "\x16\x03\x03\xff\xff"
)

// hello reads what the client begins its handshake with, as far as it comes at once.
func hello(c *Call) { _, _ = c.conn.Read(make([]byte, 64<<10)) }

// breakOff reads the client's hello, answers it so, and closes.
func breakOff(raw string) Action {
	return func(c *Call) {
		hello(c)
		c.Raw(raw)
		c.Close()
	}
}

// handshakeRows break TLS off.
func handshakeRows() []FTPRow {
	var rows []FTPRow
	for _, step := range []string{Handshake, DataTLS} {
		prefix := "control"
		if step == DataTLS {
			prefix = "data"
		}
		rows = append(rows,
			row(prefix+"-tls-closed", step, breakOff("")),
			row(prefix+"-tls-cut-in-the-middle", step, breakOff(halfAHello)),
			row(prefix+"-tls-alert", step, breakOff(alert)),
			row(prefix+"-tls-garbage", step, breakOff(noHello)),
			row(prefix+"-tls-record-too-long", step, breakOff(wrongRecord)),
			row(prefix+"-tls-reset", step, func(c *Call) {
				hello(c)
				c.Reset()
			}),
			silent(row(prefix+"-tls-silent", step, func(c *Call) { c.Silence() })),
			silent(row(prefix+"-tls-silent-in-the-middle", step, func(c *Call) {
				hello(c)
				c.Raw(halfAHello)
				c.Silence()
			})),
		)
	}
	rows = append(rows, FTPRow{Name: "control-tls-too-old", Faults: []Fault{func(s *FTP) {
		s.control.MinVersion, s.control.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}}})
	for i := range rows {
		rows[i].TLS = true
	}
	return rows
}

// everywhereShows has the server show another certificate.
func everywhereShows(create func(*FTP) tls.Certificate) Fault {
	return func(s *FTP) {
		s.control = serverConfig(create(s))
		s.data = s.control
	}
}

// dataShows has the server show another certificate on data connections.
func dataShows(create func(*FTP) tls.Certificate) Fault {
	return func(s *FTP) { s.data = serverConfig(create(s)) }
}

// certificateRows are servers that show a certificate not to be trusted.
func certificateRows() []FTPRow {
	issue := func(change func(*x509.Certificate)) func(*FTP) tls.Certificate {
		return func(s *FTP) tls.Certificate { return s.authority.Issue(change) }
	}
	self := func(s *FTP) tls.Certificate { return *testca.New(s.t, testca.Options{}) }
	rogue := func(s *FTP) tls.Certificate { return testca.NewAuthority(s.t).Issue(nil) }
	rows := []FTPRow{
		{Name: "certificate-expired", Faults: []Fault{everywhereShows(issue(testca.Expired))}},
		{Name: "certificate-other-name", Faults: []Fault{everywhereShows(issue(testca.OtherName))}},
		{Name: "certificate-self-signed", Faults: []Fault{everywhereShows(self)}},
		{Name: "certificate-other-authority", Faults: []Fault{everywhereShows(rogue)}},
		{Name: "data-certificate-expired", Faults: []Fault{dataShows(issue(testca.Expired))}},
		{Name: "data-certificate-other-authority", Faults: []Fault{dataShows(rogue)}},
		{Name: "data-key-changed", Faults: []Fault{dataShows(issue(nil))}},
	}
	for i := range rows {
		rows[i].TLS = true
	}
	return rows
}
