package rolloutcmd

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

// ReportOptions are the flags of rollout report.
type ReportOptions struct {
	CSV, JUnit, PhoneList bool
	HTML                  string // file of the page
	Force                 bool
}

// Report shows what a rollout did. Whatever it shows is no error: that of the run is the run's.
func Report(ctx context.Context, env Env, o ReportOptions, name string, now time.Time) error {
	con := env.Console
	forms := 0
	for _, given := range []bool{con.JSON, o.CSV, o.JUnit, o.PhoneList} {
		if given {
			forms++
		}
	}
	if forms > 1 || forms > 0 && o.HTML != "" {
		return exit.Usage("rollout report", "--json, --csv, --junit, --phone-list and --html cannot be used together")
	}
	if o.HTML != "" {
		if err := atomicfile.CheckOutput(o.HTML, o.Force); err != nil {
			return err
		}
	}
	r, err := reportOf(ctx, env, name, now)
	if err != nil {
		return err
	}
	switch {
	case o.HTML != "":
		if err := atomicfile.Write(o.HTML, o.Force, r.WriteHTML, nil); err != nil {
			return err
		}
		return con.Part(func(w io.Writer) { _, _ = io.WriteString(w, "wrote "+console.Escape(o.HTML)+"\n") })
	case o.CSV:
		return write(con, r.WriteCSV)
	case o.JUnit:
		return write(con, r.WriteJUnit)
	case o.PhoneList:
		return write(con, r.WritePhoneList)
	case con.JSON:
		return con.Print(r, nil)
	}
	return write(con, func(w io.Writer) error {
		return r.WriteText(w, func(indent int, widths []int, cells ...string) string {
			return con.Layout(indent, widths...).Line(console.Cells(cells...)...)
		})
	})
}

// write makes a form of a report and writes it. Nothing is written of a form that cannot be made.
func write(con *console.Console, form func(io.Writer) error) error {
	var made bytes.Buffer
	if err := form(&made); err != nil {
		return err
	}
	return con.Part(func(w io.Writer) { _, _ = made.WriteTo(w) }) // into memory
}

// reportOf makes the report of a rollout. It reads the journal once.
func reportOf(ctx context.Context, env Env, name string, now time.Time) (*report.Report, error) {
	ledger, err := openJournal(ctx, env, name)
	if err != nil {
		return nil, err
	}
	defer ledger.Close()
	var records []journal.Record
	for r, err := range ledger.ReadAll(ctx, name) {
		if err != nil {
			return nil, record.Error(err)
		}
		records = append(records, r)
	}
	all := func(yield func(journal.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
	saved, err := rollout.FromRecords(name, all)
	if err != nil {
		return nil, failure(env, name, err)
	}
	r, err := report.New(saved, all, report.Options{At: now, Location: now.Location(), Advice: func(kind string) string { return advice.HintOf(fleet.Kind(kind)) }})
	if err != nil {
		return nil, failure(env, name, err)
	}
	return r, nil
}
