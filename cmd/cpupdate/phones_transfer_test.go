package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// The steps of a push by the transfer form of the phone's page. With --json, most lines of a fetch are left out.
const (
	transferTold    = webSeen + "told "
	transferFetched = transferTold + "fetched answered "
	transferAfter   = "restarting back contacted called-back done"
	transferDone    = webByCall + transferFetched + transferAfter
)

// transferFaults is the table, in the order of a push by the transfer form.
func transferFaults() []faultRow {
	done := func(name, faults string) faultRow {
		return faultRow{name: name, faults: faults, kind: "updated", steps: transferDone, version: versionNew, commands: 1}
	}
	early := done("fails and installs", "web-transfer-failed-installs")
	early.change = func(c *phonesim.Config) { c.InstallTime = 10 * time.Second }
	byPage := done("by page alone, other shape", "web-transfer-other-shape "+noInterface)
	byPage.steps = webByPage + transferFetched + "restarting back done"
	rows := []faultRow{
		done("as observed", ""),
		byPage,
		done("other shape", "web-transfer-other-shape"),
		done("one form for both", "web-transfer-one-form"),
		done("no form for a file", "web-no-form"),
		done("another language", "web-transfer-other-language"),
		done("no answer", "web-transfer-no-answer"),
		early,
		{name: "dry run", args: []string{"--dry-run"}, kind: "checked", steps: webByCall + webSeen + "done", version: versionOld},
	}
	return append(append(rows, transferFormRows()...), transferFailedRows()...)
}

func transferFormRows() []faultRow {
	none := faultRow{
		code: exit.CodeRejected, kind: "no-form", says: "its web page has no transfer form for an image", hint: "omit --web",
		steps: webByCall + "page logged-in failed", version: versionOld,
	}
	var rows []faultRow
	for name, faults := range map[string]string{
		"menu without end, transfer": "web-menu-loop", "no transfer form": "web-transfer-no-form", "a transfer form for a logo": "web-transfer-logo",
		"a transfer form that always starts": "web-transfer-no-start",
	} {
		row := none
		row.name, row.faults = name, faults
		rows = append(rows, row)
	}
	several, foreign, long := none, none, none
	several.name, several.faults, several.kind = "two transfer forms", "web-transfer-two-forms", "many-forms"
	several.says, several.hint = "its web page has several transfer forms that might be for an image", "with a browser"
	foreign.name, foreign.faults, foreign.kind = "a transfer form that leads elsewhere", "web-transfer-foreign", "page-foreign"
	foreign.says, foreign.hint = "its web page leads to another host", "nothing was sent there"
	long.name, long.kind, long.code, long.args = "a long name", "too-long", exit.CodeSettings, []string{"--filename", strings.Repeat("n", 47) + ".img"}
	long.says, long.hint = `"Filename" (dl-app-file): the value has 51 characters, and the field takes at most 50`, "shorten the name of the file with --filename"
	long.steps = webByCall + webSeen + "failed"
	longDry := long
	longDry.name, longDry.args = "a long name, dry run", append(longDry.args, "--dry-run")
	return append(rows, several, foreign, long, longDry)
}

func transferFailedRows() []faultRow {
	bad := func(name, faults string, code exit.Code, kind, says, hint, steps string) faultRow {
		return faultRow{
			name: name, faults: faults, code: code, kind: kind, instructed: true, commands: 1, says: says, hint: hint,
			steps: webByCall + transferTold + steps, version: versionOld,
		}
	}
	const still = "; the phone still runs V1 R4.9.0"
	logsOut := bad("ends the session", "web-transfer-logs-out", exit.CodeRejected, "page-refused", "its web page refused the transfer form: it answers with the login form: it logged us out"+still, "see the page's message", "answered failed")
	token := bad("token", "web-transfer-bad-token", exit.CodeUnreachable, "never-fetched", `its web page reports a failed transfer ("Transfer failed"), and it never requested the image`+still, "reach the server", "answered failed")
	logsOut.commands, token.commands = 0, 0
	const within = "did not restart within 10 min and runs V1 R4.9.0"
	old := bad("back with the old version, transfer", "reboots-with-old-version", exit.CodeUnverified, "old-version", "it restarted and still runs V1 R4.9.0", "query it again later", "fetched answered restarting back contacted called-back failed")
	return []faultRow{
		logsOut, token, old,
		bad("fails at once", "web-transfer-fails", exit.CodeUnreachable, "never-fetched", `its web page reports a failed transfer ("Transfer failed"), and it never requested the image`+still, "no firewall blocks it", "answered failed"),
		bad("cut, transfer", "cut-mid-download", exit.CodeUnreachable, "cut", `its web page reports a failed transfer ("Transfer failed"), after `, "the phone keeps its old software", "fetching answered failed"),
		bad("says failed", "web-transfer-says-failed", exit.CodeRejected, "says-failed", `its web page reports a failed transfer ("Transfer failed")`+still, "check the phone's display", "fetched answered failed"),
		bad("confirms and stays", "web-transfer-ok-stays", exit.CodeRejected, "rejected", "it fetched the whole image, but "+within, "hardware level is wrong", "fetched answered contacted called-back failed"),
		bad("silent", "web-transfer-silent", exit.CodeRejected, "rejected", "it fetched the whole image, but "+within, "hardware level is wrong", "fetched contacted called-back failed"),
		bad("never done", "web-transfer-drips", exit.CodeRejected, "rejected", "it fetched the whole image, but "+within, "hardware level is wrong", "fetched contacted called-back failed"),
	}
}

// TestTransferFaults pushes to one phone a row, by its transfer form, and by HTTPS and FTP: exit code, error, steps, and what became
// of the phone. No password is in any output.
func TestTransferFaults(t *testing.T) {
	t.Parallel()
	image, right := phoneImage(t), clitest.File(t, "secret", []byte(webPassword+"\n"))
	for _, row := range transferFaults() {
		for _, method := range []string{"https", "ftp"} {
			t.Run(row.name+", "+method, func(t *testing.T) {
				t.Parallel()
				inMemory(t, func(s *site) {
					phone, pin := s.pagePhone(row.faults, row.change)
					args := []string{"push", image, phone.Address(), "--web", "--serve", "--method", method, "--json", "--hw-level", "3", "--pin", pin, "--password-file", right}
					r := s.run(s.t.Context(), append(args, row.args...)...)
					row.check(s.t, r, phone.State())
					if strings.Contains(r.out+r.errOut, webPassword) || phone.State().Logins > 2 {
						s.t.Errorf("the page's password is shown, or was sent %d times", phone.State().Logins)
					}
				})
			})
		}
	}
}

// TestTransferInterrupted stops a push when the phone has got the form: the fetch is cut, and the phone is queried.
func TestTransferInterrupted(t *testing.T) {
	t.Parallel()
	image, right := newImageOf(t, 6<<20), clitest.File(t, "secret", []byte(webPassword+"\n"))
	inMemory(t, func(s *site) {
		ctx, cancel := context.WithCancel(s.t.Context())
		defer cancel()
		phone, pin := s.pagePhone("", func(c *phonesim.Config) {
			c.Event = func(e phonesim.Event) {
				if e.Kind == phonesim.Instructed {
					time.AfterFunc(20*time.Second, cancel)
				}
			}
		})
		r := s.run(ctx, "push", image, phone.Address(), "--web", "--serve", "--limit-rate", "100k", "--hw-level", "3", "--pin", pin, "--password-file", right)
		if r.code != exit.CodeInterrupted || phone.State().Version.String() != versionOld {
			s.t.Errorf("exit code %d, the phone runs %s", r.code, phone.State().Version)
		}
		for _, want := range []string{"interrupted after the transfer form was submitted; its fetch was cut after ", "and it keeps its old software; the phone still runs V1 R4.9.0"} {
			if !strings.Contains(strings.Join(strings.Fields(r.errOut), " "), want) {
				s.t.Errorf("it does not say %q", want)
			}
		}
		if s.t.Failed() {
			s.t.Logf("%s\n%s", r.out, r.errOut)
		}
	})
}

// TestTransferMany pushes to the pages of several phones, of which one reports a failure, and one demands a new password.
func TestTransferMany(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	inMemory(t, func(s *site) {
		lines := []string{"address,hw_level"}
		args := []string{"push", image, "--web", "--serve", "--method", "ftp", "--password-file", clitest.File(s.t, "secret", []byte(webPassword))}
		for _, faults := range []string{"", noInterface, "web-transfer-fails", "web-change-password"} {
			phone, pin := s.pagePhone(faults, nil)
			lines, args = append(lines, phone.Address()+",3"), append(args, "--pin", pin)
		}
		r := s.run(s.t.Context(), append(args, "--parallel", "1", "--phones", listOf(s.t, lines...))...)
		if r.code != exit.CodePartial || !strings.Contains(r.out, "4 phones: 2 updated, 1 never-fetched, 1 password-change") {
			s.t.Errorf("exit code %d\n%s\n%s", r.code, r.out, r.errOut)
		}
	})
}
