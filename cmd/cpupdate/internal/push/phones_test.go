package push

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// newRun is a push to phones that are not spoken to, as the flags say.
func newRun(t *testing.T, args ...string) *run {
	t.Helper()
	return &run{Env: envOf(machine.New(t)), o: newOptions(t, args...), im: &images.Image{Name: "cp600.bind"}}
}

// TestHopeless checks that an image that cannot suit any phone is found before phones are contacted.
func TestHopeless(t *testing.T) {
	levels, err := bind.ParseLevels("1-3")
	if err != nil {
		t.Fatal(err)
	}
	level := func(n uint16) hwcheck.Phone { return hwcheck.Phone{Level: []hwcheck.Claim[uint16]{{Value: n}}} }
	for _, test := range []struct {
		targets []fleet.Target
		want    bool
	}{
		{[]fleet.Target{{Known: level(4)}, {Known: level(5)}}, true},
		{[]fleet.Target{{Known: level(4)}, {Known: level(3)}}, false},
		{[]fleet.Target{{Known: level(4)}, {}}, false},
		{[]fleet.Target{{Known: level(4), Override: true}}, false},
	} {
		r := newRun(t, "--serve")
		if r.table, err = r.Settings.HardwareTable(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		r.targets = test.targets
		r.im.Facts = bind.Facts{Levels: bind.Fact[bind.Levels]{Value: levels, Origin: bind.Origin{Source: bind.Header}}, Integrity: bind.Integrity{Digest: bind.Right}}
		if got := r.noneFits(); got != test.want {
			t.Errorf("%+v: %v", test.targets, got)
		}
	}
}

// TestTakenMeanwhile checks that a push does not go on unrecorded if the journal says that another run has its phones.
func TestTakenMeanwhile(t *testing.T) {
	r := newRun(t, "--serve")
	r.Journal = &record.Store{}
	own := (*exit.Error)(nil)
	if err := r.unrecorded(t.Context(), fmt.Errorf("x: %w", journal.ErrConflict)); !errors.As(err, &own) || own.Code != exit.CodeUnreachable || len(own.Hints) == 0 {
		t.Errorf("a conflict: %v", err)
	}
	if err := r.unrecorded(t.Context(), &journal.Error{Place: "x", Kind: journal.ErrReadOnly, Text: "cannot be written"}); err != nil {
		t.Errorf("a journal that cannot be written: %v", err)
	}
}

// TestSettle checks that flags and settings are validated before the image is opened.
func TestSettle(t *testing.T) {
	for _, test := range []struct {
		args []string
		code exit.Code
		says string
	}{
		{[]string{"--serve"}, exit.CodeOK, ""},
		{[]string{"--web"}, exit.CodeOK, ""},
		{[]string{"--server", "h", "--username", "x"}, exit.CodeOK, ""},
		{[]string{"--serve", "--limit-rate", "x"}, exit.CodeUsage, "--limit-rate"},
		{[]string{"--serve", "--filename", "a/b"}, exit.CodeUsage, "--filename"},
		{[]string{"--serve", "--filename", "a\x01b"}, exit.CodeUsage, "--filename"},
		{[]string{"--serve", "--hw-level", "x"}, exit.CodeUsage, "--hw-level"},
		{[]string{"--serve", "--hardware", "missing"}, exit.CodeSettings, "missing"},
		{[]string{"--server", "h", "--username", "x", "--filename", "a/b"}, exit.CodeUsage, "--filename"},
		{[]string{"--method", "ftps", "--server", "h", "--username", "x"}, exit.CodeUsage, "--fetch-url"},
		{nil, exit.CodeUsage, option.ErrNoServer.Error()},
	} {
		r := newRun(t, test.args...)
		err := r.resolve(t.Context(), "folder/cp600.bind", []string{"192.0.2.50"})
		switch {
		case test.code == exit.CodeOK && (err != nil || r.delivery.Images[0].Name != "cp600.bind" || r.delivery.Context.Image != "folder/cp600.bind" || len(r.targets) != 1):
			t.Errorf("%q: %v", test.args, err)
		case test.code != exit.CodeOK && (exit.Classify(err).Code != test.code || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%q: %v", test.args, err)
		}
	}
}
