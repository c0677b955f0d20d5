package rolloutcmd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// serving returns the options of a run from this machine.
func serving() RunOptions {
	o := RunOptions{}
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.Route.Command = "rollout run"
	o.Route.AddFlags(flags)
	o.Route.Web.AddTransferFlags(flags)
	o.Upload.AddFlags(flags)
	o.Fetch.AddFlags(flags)
	o.Listen.AddFlags(flags)
	o.Priority, o.Route.Serve = "normal", true
	return o
}

// TestGoOn checks whose flags count as the user's own: those that the same user kept on this machine, in a journal that nobody else can write.
func TestGoOn(t *testing.T) {
	t.Parallel()
	me := journal.Origin{User: "ada", Host: "laptop", Tool: "1.4.0"}
	for _, test := range []struct {
		private    bool
		by         journal.Origin
		own, asked bool // asked: $CPUPDATE_PASSWORD is not used
	}{
		{true, me, true, false},
		{true, journal.Origin{User: "ada", Host: "laptop", Tool: "1.3.0"}, true, false},
		{false, me, false, false},
		{true, journal.Origin{User: "eve", Host: "laptop"}, false, true},
		{true, journal.Origin{User: "ada", Host: "desk"}, false, true},
		{false, journal.Origin{}, false, true},
	} {
		var out bytes.Buffer
		var owns []bool
		r := &runner{
			env: Env{
				Console: &console.Console{Out: &out, Err: &out, Width: 80},
				Journal: &record.Store{Origin: func() journal.Origin { return me }},
			},
			private: test.private,
			saved:   &rollout.Saved{Name: "spring", Kept: journal.FlagsKept{By: test.by, Flags: []string{"--serve=true"}}},
		}
		r.o.Line = func(kept []string) string { return strings.Join(kept, " ") }
		r.o.Again = func(_ []string, own bool) (RunOptions, console.Flags, error) {
			owns = append(owns, own)
			return serving(), console.Flags{}, nil
		}
		if err := r.goOn(); err != nil || len(owns) != 1 || owns[0] != test.own || r.o.Route.Password.NoVariable != test.asked {
			t.Errorf("private %v, by %+v: own %v, without the variable %v, %v", test.private, test.by, owns, r.o.Route.Password.NoVariable, err)
		}
		if foreign := strings.Contains(out.String(), " by "); foreign != test.asked {
			t.Errorf("private %v, by %+v: %s", test.private, test.by, out.String())
		}
	}
}
