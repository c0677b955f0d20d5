package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// keptFlags writes the flags of an earlier run into the journal of a planned rollout, as whoever can write the file may do.
func keptFlags(t *testing.T, folder string, by journal.Origin, flags ...string) {
	t.Helper()
	ledger, err := sqlite.Open(t.Context(), filepath.Join(folder, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(rollout.KeepFlags(t.Context(), ledger, "spring", journal.FlagsKept{By: by, Flags: flags}), ledger.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestRunAgain goes on with the flags that the journal has kept. They may be anybody's text.
func TestRunAgain(t *testing.T) {
	t.Parallel()
	me := journal.Origin{User: "ben", Host: "laptop"}
	anna := journal.Origin{User: "anna", Host: "desk\x1b[2J"}
	marker := filepath.Join(t.TempDir(), "marker")
	password := clitest.File(t, "password", []byte("canary-file"))
	ftp := []string{"--server=files.example", "--username=cp"}
	for name, test := range map[string]struct {
		by    journal.Origin
		flags []string
		args  []string
		mode  os.FileMode
		code  exit.Code
		says  []string
		gets  string // the password that the server gets
	}{
		"own":             {by: me, flags: ftp, code: exit.CodeInternal, gets: "canary-variable", says: []string{"note: spring: as the run before: --server files.example --username cp\n"}},
		"own file":        {by: me, flags: append([]string{"--password-file=" + password}, ftp...), code: exit.CodeInternal, gets: "canary-file", says: []string{"--password-file"}},
		"another's":       {by: anna, flags: ftp, code: exit.CodeInternal, says: []string{`note: spring: as the run before, by anna on desk\u{1b}[2J: --server files.example --username cp` + "\n"}},
		"another's file":  {by: anna, flags: append([]string{"--password-file=" + password}, ftp...), code: exit.CodeUsage, says: []string{"cpupdate: the flags of the run before cannot be used: --password-file counts only if you kept it yourself, in a journal that nobody else can write\n", "hint: give the flags again: cpupdate rollout run spring --password-file "}},
		"open to others":  {by: me, flags: append([]string{"--password-file=" + password}, ftp...), mode: 0o666, code: exit.CodeUsage, says: []string{"in a journal that nobody else can write"}},
		"command":         {by: me, flags: append([]string{"--password-command=touch " + marker}, ftp...), code: exit.CodeUsage, says: []string{"the value of --password-command is not kept\n"}},
		"of tomorrow":     {by: me, flags: []string{"--from-tomorrow=x"}, code: exit.CodeUsage, says: []string{"this version of cpupdate has no flag \"--from-tomorrow\", or does not keep it\n"}},
		"escape":          {by: me, flags: []string{"--profile=\x1b]0;x\a"}, code: exit.CodeUsage, says: []string{`\u{1b}`}},
		"wrong together":  {by: me, flags: []string{"--serve=true", "--profile=berlin"}, code: exit.CodeUsage, says: []string{"--serve and --profile: choose one"}},
		"what is given":   {by: me, flags: []string{"--serve=true"}, args: []string{"--profile", "berlin"}, code: exit.CodeSettings, says: []string{"note: spring: the flags of the run before do not count, since this one has flags: --serve\n"}},
		"the same":        {by: me, flags: []string{"--profile=berlin"}, args: []string{"--profile", "berlin"}, code: exit.CodeSettings},
		"a stored server": {by: anna, flags: []string{"--profile=berlin"}, code: exit.CodeSettings, says: []string{"as the run before, by anna", "there is no profile berlin in "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.mode != 0 && runtime.GOOS == "windows" {
				t.Skip("modes say nothing on Windows")
			}
			folder := privateFolder(t)
			image, list := newImageOf(t, 1000), clitest.File(t, "site.csv", []byte("address;hw_level;running;software_type;model\n127.0.0.1:1;3;V1 R4.9.0;Unify HFA;CP600\n"))
			a, out, errOut := testApp(t, nil)
			a.record.Folder, a.record.Origin = folder, func() journal.Origin { return me }
			if c := run(t.Context(), a, []string{"rollout", "plan", image, "--phones", list, "--offline", "--name", "spring"}); c != exit.CodeOK {
				t.Fatalf("%d\n%s%s", c, out, errOut)
			}
			keptFlags(t, folder, test.by, test.flags...)
			if test.mode != 0 {
				if err := os.Chmod(filepath.Join(folder, "journal.db"), test.mode); err != nil {
					t.Fatal(err)
				}
			}
			a, out, errOut = testApp(t, nil)
			a.record.Folder, a.record.Origin = folder, func() journal.Origin { return me }
			a.pass.Variable = secret.New("canary-variable")
			gets, dialled := "", false
			a.dial = func(_ context.Context, access transfer.Access, _ transfer.Options) (transfer.Store, error) {
				gets, dialled = access.Password.Reveal(), true
				return nil, errors.New("no server in this test")
			}
			c := run(t.Context(), a, append([]string{"rollout", "run", "spring", "--listen", "127.0.0.1:0"}[:3], test.args...))
			if c != test.code || gets != test.gets || dialled != (test.code == exit.CodeInternal) {
				t.Errorf("exit code %d, the server gets %q\n%s%s", c, gets, out, errOut)
			}
			for _, text := range test.says {
				if !strings.Contains(errOut.String(), text) {
					t.Errorf("it does not say %q:\n%s", text, errOut)
				}
			}
			if len(test.says) == 0 && strings.Contains(errOut.String(), "the run before") {
				t.Errorf("%s", errOut)
			}
			if strings.Contains(out.String()+errOut.String(), "canary-") || strings.ContainsAny(errOut.String(), "\x1b\a") {
				t.Errorf("%s%s", out, errOut)
			}
			if _, err := os.Stat(marker); err == nil {
				t.Error("a command of the journal was run")
			}
		})
	}
}

// privateFolder returns a folder that only this user can write.
func privateFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o700); err != nil { //nolint:gosec // a folder
		t.Fatal(err)
	}
	return folder
}
