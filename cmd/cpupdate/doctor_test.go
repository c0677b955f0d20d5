package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/internal/ports"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A doctorCase is a route to check, and lines that must be among its findings.
type doctorCase struct {
	app  func(t *testing.T, a *app)
	args func(t *testing.T) []string
	code exit.Code
	want []string // GROUP/CHECK STATE, then words of text and hints
}

// A doctorAnswer is what scripts read of the answer.
type doctorAnswer struct {
	OK     bool
	Checks []doctorLine
}

type doctorLine struct {
	Group, Check, State, Text string
	Needed                    bool
	Hints                     []string
	Error                     *exit.ErrorDoc
}

// doctorRun asks the doctor, as text and as a document, and holds both to what is true of all.
func doctorRun(t *testing.T, c doctorCase) doctorAnswer {
	t.Helper()
	args := []string{"doctor"}
	if c.args != nil {
		args = append(args, c.args(t)...)
	}
	if !slices.Contains(args, "--listen") {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	if !slices.Contains(args, "--service-cert") && len(c.want) > 0 && !strings.HasPrefix(c.want[0], "settings/folder ok") {
		args = append(args, oneCertificate(t)...) // creating one takes time
	}
	var doc doctorAnswer
	for _, asJSON := range []bool{true, false} {
		a, out, errOut := testApp(t, nil)
		a.dial = transfer.Dial
		if c.app != nil {
			c.app(t, a)
		}
		all := args
		if asJSON {
			all = append(slices.Clone(args), "--json")
		}
		r := ran{run(t.Context(), a, all), "", ""}
		r.out, r.errOut = out.String(), errOut.String()
		r.check(t, all)
		if r.code != c.code {
			t.Errorf("exit code %d, want %d\n%s%s", r.code, c.code, r.out, r.errOut)
		}
		if problem := notPlain(r.out + r.errOut); problem != "" {
			t.Error(problem)
		}
		if strings.Contains(r.out+r.errOut, badserver.Password) {
			t.Error("it shows the password")
		}
		if asJSON {
			if err := json.Unmarshal([]byte(r.out), &doc); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for line := range strings.Lines(r.out) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 && !strings.Contains(line, "sha256:") {
				t.Errorf("a line of %d columns: %s", n, line)
			}
		}
		for _, f := range doc.Checks {
			if word := stateWords()[f.State]; !strings.Contains(r.out, word) || !strings.Contains(r.out, f.Check) {
				t.Errorf("the text has no %s of %s", word, f.Check)
			}
		}
	}
	return doc
}

// stateWords are the states as people see them.
func stateWords() map[string]string {
	return map[string]string{"ok": "ok  ", "warning": "warn", "failed": "FAIL", "skipped": "-   "}
}

func oneCertificate(t *testing.T) []string {
	t.Helper()
	certificate, key := clitest.ServiceFiles(t)
	return []string{"--service-cert", certificate, "--service-key", key}
}

func (c doctorCase) check(t *testing.T) {
	t.Helper()
	doc := doctorRun(t, c)
	lines := lines(doc)
	for _, want := range c.want {
		line := regexp.MustCompile(`(?s)^` + want)
		if !slices.ContainsFunc(lines, line.MatchString) {
			t.Errorf("there is no line %s in\n%s", want, strings.Join(lines, "\n"))
		}
	}
	if doc.OK != (c.code == exit.CodeOK) {
		t.Errorf("ok is %v, and the exit code %d", doc.OK, c.code)
	}
	for _, f := range doc.Checks {
		switch {
		case f.State == "failed" && (!f.Needed || len(f.Hints) == 0 || f.Error == nil):
			t.Errorf("a line that failed has no next step, or nobody needs it: %+v", f)
		case f.State != "failed" && f.Error != nil, f.State == "ok" && len(f.Hints) > 0:
			t.Errorf("a line that did not fail has an error, or a next step for nothing: %+v", f)
		case f.State == "skipped" && f.Text == "":
			t.Errorf("a line does not say why it was skipped: %+v", f)
		}
	}
}

// bySettings returns the flags of a route to a bad server.
func bySettings(access transfer.Access, more ...string) []string {
	var args []string
	for _, name := range []string{"method", "server", "port", "username", "account", "path", "base-url"} {
		if value := access.Get(name); value != "" {
			args = append(args, "--"+name, value)
		}
	}
	return append(args, more...)
}

// doctorFTP returns the flags of a route to an FTP server that misbehaves.
func doctorFTP(name string) func(t *testing.T) []string {
	return func(t *testing.T) []string {
		t.Helper()
		for _, row := range badserver.FTPRows() {
			if row.Name != name {
				continue
			}
			s := row.Start(t)
			var more []string
			if row.Silent {
				more = append(more, "--timeout", "2s")
			}
			if row.TLS {
				more = append(more, "--ca", clitest.File(t, "ca.pem", s.Authority().PEM()))
			}
			return bySettings(s.Access(), more...)
		}
		t.Fatalf("no server is called %s", name)
		return nil
	}
}

func withPassword(_ *testing.T, a *app) { a.pass.Variable = secret.New(badserver.Password) }

// TestDoctorServer checks each line about a server, when all is well and when it is not.
func TestDoctorServer(t *testing.T) {
	t.Parallel()
	wellBehaved := func(t *testing.T) []string { return bySettings(badserver.NewFTP(t).Access()) }
	for name, c := range map[string]doctorCase{
		"ftp": {withPassword, wellBehaved, exit.CodeOK, []string{
			"settings/complete ok flags: ftp://127", "settings/password warning a password is given; with plain ftp",
			"server/name ok 127.0.0.1 is an address", "server/port ok .* accepts connections", "server/login ok as admin",
			"server/upload-folder ok ftp://", "server/data ok passive mode works", "server/writing ok a small file was written and removed again",
			"server/proof ok the server reports the size", "clock/validity skipped skipped: no server or web page presented a certificate",
			"phone/ skipped no PHONE given",
		}},
		"wrong login": {nil, wellBehaved, exit.CodeSettings, []string{
			"settings/password warning no password given .*--password-file", "server/login failed .*530.* give a password with",
			"server/upload-folder skipped skipped: the login failed", "server/proof skipped skipped: the login failed",
		}},
		"no host": {withPassword, func(*testing.T) []string { return []string{"--server", nowhere(), "--username", "x"} }, exit.CodeUnreachable, []string{
			"server/name failed a+[.]invalid: .* check the spelling of the name", "server/port skipped skipped: the server's address is unknown",
			"server/login skipped skipped: the server's address is unknown", "this machine/calls ok",
		}},
		"nobody listens": {withPassword, func(t *testing.T) []string {
			return []string{"--server", "127.0.0.1", "--port", freePort(t), "--username", "x"}
		}, exit.CodeUnreachable, []string{
			"server/port failed 127.0.0.1:", "server/login skipped skipped: the server is not reachable", "clock/date ok",
		}},
		"no folder":      {withPassword, doctorFTP("cwd-550"), exit.CodeRejected, []string{"server/login ok", "server/upload-folder failed .*550", "server/data skipped skipped: the folder could not be opened"}},
		"greeting never": {withPassword, doctorFTP("greeting-never"), exit.CodeUnreachable, []string{"server/port ok", "server/login failed .*connecting: no answer in time"}},
		"closed ports": {withPassword, doctorFTP("both-ports-closed"), exit.CodeUnreachable, []string{
			"server/login ok", "server/data failed .* the login works, but the data connection does not: .*firewall", "server/writing skipped skipped: there is no data connection",
		}},
		"blocked ports":   {withPassword, doctorFTP("both-ports-blocked"), exit.CodeUnreachable, []string{"server/login ok", "server/data failed .* the data connection does not"}},
		"no passive mode": {withPassword, doctorFTP("pasv-refused-too"), exit.CodeRejected, []string{"server/data failed .*502.* open the ports of passive mode"}},
		"refused data":    {withPassword, doctorFTP("stor-425"), exit.CodeUnreachable, []string{"server/data failed .*425"}},
		"no writing":      {withPassword, doctorFTP("stor-550"), exit.CodeRejected, []string{"server/data ok", "server/writing failed .*550", "server/proof skipped"}},
		"expired": {withPassword, doctorFTP("certificate-expired"), exit.CodeSettings, []string{
			"server/certificate failed .*expired.* check this computer's date", "server/login skipped skipped: the server's certificate is not trusted",
			"clock/validity warning by this clock, the certificate of the server is not valid: expired", "certificates/seen ok the certificate of the server expire",
		}},
		"self-signed": {withPassword, doctorFTP("certificate-self-signed"), exit.CodeSettings, []string{"server/certificate failed .*the server is not trusted"}},
		"no password file": {nil, func(t *testing.T) []string {
			s := badserver.NewFTPS(t)
			return bySettings(s.Access(), "--pin", s.Pin().String(), "--password-file", "nowhere")
		}, exit.CodeSettings, []string{
			"settings/password failed password file nowhere", "server/port ok", "server/certificate (ok|warning) localhost",
			"server/login skipped skipped: the password is unknown", "server/proof skipped skipped: the password is unknown",
		}},
		"no password file, and a stranger": {nil, func(t *testing.T) []string {
			return bySettings(badserver.NewFTPS(t).Access(), "--password-file", "nowhere")
		}, exit.CodeSettings, []string{"server/certificate failed .*the server is not trusted", "server/login skipped skipped: the server's certificate is not trusted"}},
		"hostile words":        {withPassword, doctorFTP("stor-550-escapes"), exit.CodeRejected, []string{"server/writing failed .*550"}},
		"repeats the password": {withPassword, doctorFTP("echo-password-refused"), exit.CodeSettings, []string{"server/login failed .*530"}},
		"no TLS":               {withPassword, doctorFTP("auth-500"), exit.CodeSettings, []string{"server/certificate failed .*starting TLS"}},
		"data not safe":        {withPassword, doctorFTP("data-certificate-other-authority"), exit.CodeSettings, []string{"server/certificate warning localhost, expires .* have the certificate renewed before it expires", "server/data failed"}},
		"ftps, and a phone": {withPassword, func(t *testing.T) []string {
			s := badserver.NewFTPS(t)
			return bySettings(s.Access(), "--pin", s.Pin().String(), "--patience", "1ms", "127.0.0.1:1")
		}, exit.CodeUnreachable, []string{
			"settings/complete warning .*phones do not fetch by ftps .*--fetch-url", "settings/password ok a password is given", "server/certificate (ok|warning) ", "server/data ok",
			"phone/contact-port failed 127.0.0.1:1: ", "phone/call-back skipped skipped: the phone is not reachable",
		}},
		"https": {nil, func(t *testing.T) []string {
			s := datedHTTPS(t)
			return bySettings(s.Access(), "--ca", clitest.File(t, "ca.pem", s.Authority().PEM()))
		}, exit.CodeOK, []string{
			"server/certificate (ok|warning) localhost, expires ", "server/login ok", "server/writing ok", "clock/server-date ok the same as this machine's", "clock/validity ok",
			"certificates/seen ok the certificate of the server expire",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

// datedHTTPS starts a server that sends its date.
func datedHTTPS(t *testing.T) *badserver.HTTPS {
	t.Helper()
	return badserver.NewHTTPS(t, badserver.On("HEAD", badserver.BendReply(func(answer string) string {
		status, rest, _ := strings.Cut(answer, "\r\n")
		return status + "\r\nDate: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n" + rest
	})))
}

// nowhere returns a name that no name server is queried for: it is too long.
func nowhere() string { return strings.Repeat("a", 64) + ".invalid" }

// freePort returns a port on which nobody listens during the test.
func freePort(t *testing.T) string {
	t.Helper()
	return strconv.Itoa(ports.Reserve(t))
}

// TestDoctorUsage checks that errors in the command line are reported before any check runs.
func TestDoctorUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"x y"},
		{"--timeout", "0s"},
		{"--patience", "-1s"},
		{"--serve", "--use-defaults"},
		{"--serve", "--server", "x"},
		{"--method", "https", "--server", "x", "--path", "y"},
		{"--server", "x", "--use-defaults"},
		{"--service-cert", "x", "--serve"},
		{"--web"},
		{"--web", "--serve", "127.0.0.1"},
		{"--phones", "nowhere.csv", "--serve"},
	} {
		r := runHere(t, nil, append([]string{"doctor"}, args...)...)
		if r.out != "" || r.code != exit.CodeUsage && r.code != exit.CodeSettings {
			t.Errorf("%q: exit code %d\n%s", args, r.code, r.out)
		}
	}
}

// lines returns the findings in the format of doctorCase.want.
func lines(doc doctorAnswer) []string {
	var out []string
	for _, f := range doc.Checks {
		out = append(out, f.Group+"/"+f.Check+" "+f.State+" "+f.Text+" "+strings.Join(f.Hints, " "))
	}
	return out
}
