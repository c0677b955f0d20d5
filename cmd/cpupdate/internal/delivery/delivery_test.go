package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// envOf is what a delivery is handed on a machine. No server is there.
func envOf(m *machine.Machine) Env {
	dial := func(context.Context, transfer.Access, transfer.Options) (transfer.Store, error) {
		return nil, errors.New("no server in this test")
	}
	return Env{Console: m.Console, Settings: m.Settings, Passwords: m.Passwords, KnownHosts: m.KnownHosts, Open: bind.Open, Dial: dial}
}

// newOptions are what flags say.
func newOptions(t *testing.T, args ...string) Options {
	t.Helper()
	o := Options{Route: option.Route{Command: "push"}}
	flags := pflag.NewFlagSet("push", pflag.ContinueOnError)
	o.Route.AddFlags(flags)
	o.Upload.AddFlags(flags)
	o.Fetch.AddFlags(flags)
	o.Listen.AddFlags(flags)
	flags.StringVar(&o.Route.Profile, "profile", "", "")
	flags.StringVar(&o.Priority, "priority", "normal", "")
	flags.BoolVar(&o.DryRun, "dry-run", false, "")
	flags.BoolVar(&o.Reinstall, "reinstall", false, "")
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestCheckRoute checks which flags go with which route.
func TestCheckRoute(t *testing.T) {
	for _, test := range []struct {
		args   string
		phones bool
		bad    string
	}{
		{"--serve", true, ""},
		{"--serve", false, "--serve"},
		{"--serve --mkdir", true, "--mkdir"},
		{"--serve --fetch-url x", true, "--fetch-url"},
		{"--serve --reinstall", true, ""},
		{"--fetch-username x", true, ""},
		{"--fetch-username x", false, "--fetch-username"},
		{"--reinstall", false, ""},
		{"--reinstall", true, "--reinstall"},
		{"--reinstall --dry-run", true, ""},
		{"--web", true, ""},
		{"--web", false, "--web"},
		{"--web --in-place", true, "--in-place"},
		{"--web --fetch-url x", true, "--fetch-url"},
		{"--web --priority immediate", true, "--priority"},
	} {
		o := newOptions(t, strings.Fields(test.args)...)
		err := o.checkRoute(test.phones)
		if test.bad == "" && err != nil || test.bad != "" && (exit.Classify(err).Code != exit.CodeUsage || !strings.Contains(err.Error(), test.bad)) {
			t.Errorf("%q, phones %v: %v", test.args, test.phones, err)
		}
	}
	for urgency, good := range map[string]bool{"normal": true, "immediate": true, "": false, "high": false} {
		if err := (&Options{Priority: urgency}).checkPriority(); (err == nil) != good {
			t.Errorf("%q: %v", urgency, err)
		}
	}
}

// What earlier attempts left behind is told though the last one succeeded.
func TestSentLeft(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		m := machine.New(t)
		m.Console.JSON = asJSON
		l, err := images.NewLoader(t.Context(), m.Console, m.Settings, bind.Open, images.Options{})
		if err != nil {
			t.Fatal(err)
		}
		file, im := l.LoadOpen(t.Context(), clitest.Image(t, "cp600.bind", nil))
		if im.Err != nil {
			t.Fatal(im.Err)
		}
		defer file.Close()
		left := []string{"ftp://h/a\x1b.part", "ftp://h/b.part"}
		p := &upload{Delivery: &Delivery{Env: envOf(m), server: &option.Destination{Origin: "flags"}}, image: &Image{File: file, Read: im}, left: left}
		if err := p.say("sent", "ftp://h/x", transfer.Location{URL: "ftp://h/x", Size: 1, Attempts: 3}); err != nil {
			t.Fatal(err)
		}
		var doc UploadDoc
		if asJSON && (json.Unmarshal(m.Out.Bytes(), &doc) != nil || !slices.Equal(doc.Left, left) || m.Err.Len() > 0) {
			t.Errorf("%s%s", m.Out, m.Err)
		}
		const want = "warning: ftp://h/a\\u{1b}.part: a failed attempt left this file behind and could not remove it: remove it on the server\n"
		if !asJSON && (!strings.HasPrefix(m.Err.String(), want) || strings.Count(m.Err.String(), "\n") != 2) {
			t.Errorf("%s", m.Err)
		}
	}
}
