package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// tryDoc is the JSON answer of defaults test.
type tryDoc struct {
	Schema  int       `json:"schema"`
	Profile string    `json:"profile"` // empty for the defaults
	OK      bool      `json:"ok"`
	Steps   []stepDoc `json:"steps"`
}

// stepDoc is one step of the connection to the server.
type stepDoc struct {
	Step string `json:"step"`
	Text string `json:"text"`
	OK   bool   `json:"ok"`
}

func newDefaultsTest(a *app) *cobra.Command {
	route := routeOptions{command: "defaults test", useDefaults: true}
	var line lineOptions
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Test the stored settings: log in, write and remove a small file",
		Long: `Test the stored settings without an image: connect, log in, open the folder, write
a small file and remove it again. The exit code is the one that an upload would
have.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return defaultsTest(cmd.Context(), a.con, a.store, a.pass, a.hosts, a.dial, route, line)
		},
	}
	addProfileFlag(a, cmd, &route.profile)
	route.password.addFlags(cmd.Flags())
	addLegacyFlag(cmd.Flags(), &route.legacy)
	line.addFlags(cmd.Flags())
	return cmd
}

func defaultsTest(ctx context.Context, con *console, store *settingsStore, pass *passwordStore, hosts *hostStore, dial dialFunc, route routeOptions, line lineOptions) error {
	options, err := line.options(route.command)
	if err == nil {
		err = route.validate()
	}
	if err != nil {
		return err
	}
	d, err := route.destination(con, store, pass)
	if err != nil {
		return err
	}
	if err := route.login(ctx, con, pass, hosts, d, options); err != nil {
		return err
	}
	options.Trust = d.trust
	con.keepPipes()
	t := &trial{con: con, dial: dial, doc: tryDoc{Schema: 1, Profile: route.profile, Steps: []stepDoc{}}}
	err = t.run(ctx, d.access, options)
	if con.json {
		if printErr := con.print(t.doc, nil); err == nil {
			err = printErr
		}
	}
	return d.hinted(serverEnded(ctx, "", err))
}

// wantsPassword reports whether to prompt for a password: there is a user, and it is not anonymous.
func wantsPassword(access transfer.Access) bool {
	return access.Username != "" && !strings.EqualFold(access.Username, "anonymous")
}

// plainFTP reports whether the connection is not encrypted, so that others can read and change it.
func plainFTP(access transfer.Access) bool {
	return access.Method != transfer.FTPS && access.Method != transfer.HTTPS
}

// A trial runs a test upload and prints its steps. A step is announced when it begins; it has succeeded when the next
// one begins.
type trial struct {
	con   *console
	dial  dialFunc
	doc   tryDoc
	shown int   // steps that were printed
	lost  error // why they could not be printed
}

func (t *trial) run(ctx context.Context, access transfer.Access, options transfer.Options) error {
	options.Event = t.tell
	store, err := t.dial(ctx, access, options)
	if err == nil {
		err = store.Try(ctx)
		if closing := store.Close(); err == nil {
			err = closing
		}
	}
	t.doc.OK = err == nil
	if e := (*transfer.Error)(nil); len(t.doc.Steps) == 0 && errors.As(err, &e) {
		t.doc.Steps = append(t.doc.Steps, stepDoc{string(transfer.StepConnect), e.Server, false})
	}
	t.ended(t.doc.OK)
	return cmp.Or(err, t.lost)
}

// tell records a step.
func (t *trial) tell(e transfer.Event) {
	switch e.Step {
	case transfer.StepSaid:
		t.con.said(e.Text)
	case transfer.StepRetry:
		t.ended(false)
		t.con.note("note", "defaults test", fmt.Sprintf("%v; trying again in %s", e.Err, e.Wait.Round(100*time.Millisecond)))
	default:
		t.ended(true)
		t.doc.Steps = append(t.doc.Steps, stepDoc{string(e.Step), e.Text, false})
	}
}

// ended prints the result of the last step, once.
func (t *trial) ended(ok bool) {
	if len(t.doc.Steps) == t.shown {
		return
	}
	t.shown = len(t.doc.Steps)
	s := &t.doc.Steps[t.shown-1]
	s.OK = ok
	if t.con.json || t.con.quiet {
		return
	}
	word := t.con.paint(green, "ok  ")
	if !ok {
		word = t.con.paint(red, "FAIL")
	}
	if _, err := fmt.Fprintf(t.con.out, "%s  %-9s  %s\n", word, escape(s.Step), escape(s.Text)); err != nil {
		t.lost = answerFailure(err)
	}
}
