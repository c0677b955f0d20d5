package main

import (
	"crypto/x509"
	"encoding/json"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// taken returns a port that is in use.
func taken(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// doctorPhone returns the flags for the route --serve to a simulated phone.
func doctorPhone(faults string, more ...string) func(t *testing.T) []string {
	return func(t *testing.T) []string {
		t.Helper()
		phone := simulatedPhone(t, faults, func(*phonesim.Config) {})
		return append([]string{phone.Address(), "--serve"}, more...)
	}
}

// TestDoctorPhone checks each line about this machine and a phone.
func TestDoctorPhone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]doctorCase{
		"well": {nil, doctorPhone(""), exit.CodeOK, []string{
			"server/ skipped --serve: this machine is the server", "this machine/address ok 127.0.0.1 reaches 127.0.0.1:", "this machine/calls ok port [0-9]+ is free",
			"this machine/reached ok 127.0.0.1:[0-9]+, from here; only a phone's call-back shows whether phones reach it",
			"phone/name ok", "phone/contact-port ok", "phone/call-back ok it called back to 127.0.0.1:", "phone/runs ok OpenScape Desk Phone CP600, Unify HFA V1 R4.9.0,.*00:1A:E8:00:00:01",
		}},
		"ftp": {nil, doctorPhone("", "--method", "ftp"), exit.CodeOK, []string{"this machine/fetches ok port [0-9]+, by ftp"}},
		"no call": {nil, doctorPhone("ignores-contact", "--patience", "3s"), exit.CodeUnreachable, []string{
			"phone/call-back failed .* allow TCP to 127.0.0.1:[0-9]+ from 127.0.0.1 in the firewall of this machine; .*5 minutes", "phone/runs skipped skipped: the phone did not call back",
		}},
		"silent":       {nil, doctorPhone("contact-silent", "--timeout", "2s"), exit.CodeUnreachable, []string{"phone/contact-port ok", "phone/call-back failed"}},
		"no phone":     {nil, doctorPhone("contact-garbage"), exit.CodeRejected, []string{"phone/call-back failed .* check the address"}},
		"old":          {nil, doctorPhone("tls-1.0-only", "--patience", "8s"), exit.CodeSettings, []string{"phone/call-back failed .*--legacy-tls"}},
		"old, allowed": {nil, doctorPhone("tls-1.0-only", "--legacy-tls"), exit.CodeOK, []string{"phone/call-back ok"}},
		"hostile":      {nil, doctorPhone("hostile-text user-pwd"), exit.CodeOK, []string{"phone/runs ok"}},
		"not there": {nil, func(t *testing.T) []string { return []string{"127.0.0.1:" + freePort(t), "--serve"} }, exit.CodeUnreachable, []string{
			"phone/contact-port failed 127.0.0.1:.* power and LAN", "phone/call-back skipped skipped: the phone is not reachable",
		}},
		"no name": {nil, func(*testing.T) []string { return []string{nowhere(), "--serve"} }, exit.CodeUnreachable, []string{
			"phone/name failed a+[.]invalid: ", "this machine/address failed this machine has no route to the phones",
		}},
		"port taken": {nil, func(t *testing.T) []string { return append(doctorPhone("")(t), "--listen", taken(t)) }, exit.CodeSettings, []string{
			"this machine/calls failed listening on 127.0.0.1:.*--listen", "this machine/reached skipped skipped: there is no port for phones to call back",
			"phone/call-back skipped skipped: there is no port for phones to call back",
		}},
		"port taken, and no phone": {withPassword, func(t *testing.T) []string {
			return bySettings(badserver.NewFTP(t).Access(), "--listen", taken(t))
		}, exit.CodeOK, []string{"this machine/calls warning listening on"}},
		"advertised": {nil, func(t *testing.T) []string {
			return append(doctorPhone("", "--patience", "3s")(t), "--advertise", "127.0.0.1:"+freePort(t))
		}, exit.CodeUnreachable, []string{"this machine/reached warning 127.0.0.1:.* does not lead to this machine", "this machine/address ok .*; phones are told to use 127.0.0.1:"}},
		"somebody else": {nil, func(t *testing.T) []string {
			s := badserver.NewHTTPS(t)
			return append(doctorPhone("", "--patience", "3s")(t), "--advertise", s.Addr())
		}, exit.CodeUnreachable, []string{"this machine/reached warning .*not the pinned one"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

// TestDoctorDefaultPort checks that a free port is used if the default port is in use, with a warning, because no
// firewall allows it.
func TestDoctorDefaultPort(t *testing.T) {
	t.Parallel()
	args := append([]string{"doctor", "--json"}, doctorPhone("")(t)...)
	var f doctorLine
	r := withoutDefaultPort(t, args, func(r ran) (isDefault bool) {
		var doc doctorAnswer
		if err := json.Unmarshal([]byte(r.out), &doc); err != nil {
			t.Fatal(err)
		}
		f = doc.Checks[slices.IndexFunc(doc.Checks, func(f doctorLine) bool { return f.Check == "calls" })]
		return f.State == "ok"
	})
	if r.code != exit.CodeOK || f.State != "warning" || !strings.HasPrefix(f.Text, "port 18443 is in use, so a free port is used") || len(f.Hints) == 0 {
		t.Errorf("exit code %d, and %+v", r.code, f)
	}
}

// withoutDefaultPort runs a command while the port that phones call by default is in use: by this test, or by another
// program. It runs the command again if the other program left the port meanwhile, so that the command got it.
func withoutDefaultPort(t *testing.T, args []string, isDefault func(ran) bool) ran {
	t.Helper()
	for {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(option.CallPort)))
		r := runHere(t, nil, args...)
		if err == nil {
			_ = l.Close()
		}
		if used := isDefault(r); err == nil || !used {
			return r
		}
	}
}

// TestDoctorPage checks each line about the web page of a phone.
func TestDoctorPage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]doctorCase{
		"well": {pagePassword(phonesim.DefaultPassword), doctorPage("", true), exit.CodeOK, []string{
			"server/ skipped --web: the image is uploaded", "settings/password ok a password is given for the phones' web pages", "phone/call-back ok",
			`phone/page ok OpenScape Desk Phone CP600, 127\.0\.0\.1 \(observed\)`, "web page/port ok", "web page/certificate (ok|warning) localhost, expires", "web page/start ok", "web page/login ok the page accepts the password; logged out again",
			"web page/form ok the field dl-app-upload of /page", "certificates/seen ok the certificate of the page of 127.0.0.1:[0-9]+ expires ", "clock/validity ok",
		}},
		"no password": {nil, doctorPage("", true), exit.CodeSettings, []string{
			"settings/password failed no password given for the phones' web pages .*--password-file", "web page/start ok",
			"web page/login skipped skipped: no password given", "web page/form skipped skipped: no password given",
		}},
		"wrong password": {pagePassword("wr0ng"), doctorPage("", true), exit.CodeSettings, []string{
			"web page/login failed .*rejects the password.* check the administrator's password", "web page/form skipped skipped: the login failed",
		}},
		"locked out": {pagePassword(phonesim.DefaultPassword), doctorPage("web-password-suspended", true), exit.CodeSettings, []string{"web page/login failed .*accepts no password for now"}},
		"a stranger": {pagePassword(phonesim.DefaultPassword), doctorPage("", false), exit.CodeSettings, []string{
			"phone/page skipped not read: its web page's certificate is not trusted",
			"web page/certificate failed .*certificate is not trusted.*--pin sha256:", "web page/start skipped skipped: the page's certificate is not trusted",
		}},
		"no form":    {pagePassword(phonesim.DefaultPassword), doctorPage("web-no-form", true), exit.CodeRejected, []string{"web page/login ok", "web page/form failed .*no form"}},
		"leads away": {pagePassword(phonesim.DefaultPassword), doctorPage("web-redirect-http", true), exit.CodeRejected, []string{"phone/page skipped not read: its web page leads to another host", "web page/start failed .*leads to another host"}},
		"old":        {pagePassword(phonesim.DefaultPassword), doctorPage("web-tls-1.0", true), exit.CodeSettings, []string{"web page/certificate failed .*--legacy-tls"}},
		"old, allowed": {pagePassword(phonesim.DefaultPassword), func(t *testing.T) []string {
			return append(doctorPage("web-tls-1.0", true)(t), "--legacy-tls")
		}, exit.CodeOK, []string{"web page/form ok"}},
		"by the page alone": {pagePassword(phonesim.DefaultPassword), func(t *testing.T) []string {
			return append(doctorPage("ignores-contact", true)(t), "--patience", "3s")
		}, exit.CodeOK, []string{"phone/call-back warning .*allow TCP", "phone/page ok OpenScape Desk Phone CP600, ", "web page/form ok"}},
		"another model on its page": {pagePassword(phonesim.DefaultPassword), doctorPage("web-banner-other-model", true), exit.CodeOK, []string{
			"phone/runs ok OpenScape Desk Phone CP600", `phone/page warning OpenScape Desk Phone CP205, .*\(observed\).*what the phone reports counts`, "web page/form ok",
		}},
		"no banner": {pagePassword(phonesim.DefaultPassword), doctorPage("web-no-banner", true), exit.CodeOK, []string{
			"phone/page skipped not read: its web page does not say what the phone is without a login", "web page/form ok",
		}},
		"no page": {pagePassword(phonesim.DefaultPassword), func(t *testing.T) []string {
			return append(doctorPhone("")(t)[:1], "--web", "--web-port", freePort(t))
		}, exit.CodeUnreachable, []string{"web page/port failed 127.0.0.1:.*--web-port", "web page/form skipped skipped: the page is not reachable"}},
		"hostile": {pagePassword(phonesim.DefaultPassword), doctorPage("web-hostile-text", true), exit.CodeOK, []string{"web page/form ok"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

func pagePassword(password string) func(*testing.T, *app) {
	return func(_ *testing.T, a *app) { a.pass.Variable = secret.New(password) }
}

// doctorPage returns the flags for the route --web to a simulated phone, whose key may be pinned.
func doctorPage(faults string, pinned bool) func(t *testing.T) []string {
	return func(t *testing.T) []string {
		t.Helper()
		certificate := testca.NewAuthority(t).Issue(nil)
		phone := simulatedPhone(t, faults, func(c *phonesim.Config) { c.Web, c.WebCertificate = "127.0.0.1:0", &certificate })
		_, port, _ := net.SplitHostPort(phone.State().WebAddress)
		args := []string{phone.Address(), "--web", "--web-port", port}
		if pinned {
			leaf, err := x509.ParseCertificate(certificate.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, "--pin", trust.PinOf(leaf).String())
		}
		return args
	}
}

// simulatedPhone starts a phone.
func simulatedPhone(t *testing.T, faults string, change func(*phonesim.Config)) *phonesim.Phone {
	t.Helper()
	config := phonesim.Config{
		Listen: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone CP600", MAC: "00:1A:E8:00:00:01", SoftwareType: "Unify HFA",
		Version: bind.Version{Major: 1, Release: 4, Fix: 9}, Level: 3, RestartTime: 300 * time.Millisecond,
	}
	change(&config)
	for fault := range strings.FieldsSeq(faults) {
		if err := config.AddFault(fault); err != nil {
			t.Fatal(err)
		}
	}
	return start(t, config)
}
