package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

type lookOptions struct {
	list    string
	timeout time.Duration
	talk    talkOptions
}

func newPhone(a *app) *cobra.Command {
	var o lookOptions
	cmd := &cobra.Command{
		Use:   "phone PHONE...",
		Short: "Query phones for their model and software",
		Long: `Query each phone over its provisioning interface for its model and the software
that it runs. Nothing is changed on the phone.

PHONE is HOST, HOST:PORT or [IPv6]:PORT; the port is that for contact requests,
8085 by default. The phone then calls back to this machine, so its firewall must
let the phone in (--listen).`,
		Example: `  cpupdate phone 192.0.2.50
  cpupdate phone --phones site.csv --json`,
		RunE: func(cmd *cobra.Command, args []string) error { return look(cmd.Context(), a.con, o, args) },
	}
	flags := cmd.Flags()
	end := group(flags, "Phones")
	flags.StringVar(&o.list, "phones", "", "query the phones of the list in `FILE` (CSV)")
	end()
	o.talk.addFlags(flags)
	defer group(flags, "Timing")()
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long to wait for a phone to accept a contact request (`DURATION`, such as 10s)")
	return cmd
}

func look(ctx context.Context, con *console, o lookOptions, addresses []string) error {
	if o.list == "" && len(addresses) == 0 {
		return usage("phone", "PHONE is missing: an address, or a list with --phones")
	}
	if o.timeout <= 0 {
		return usage("phone", "--timeout must be greater than zero")
	}
	if err := o.talk.validate("phone"); err != nil {
		return err
	}
	phones := phonesOptions{list: o.list}
	targets, err := phones.targets("phone", addresses, fleet.Target{}.Known)
	if err != nil {
		return err
	}
	plan := fleet.Plan{Phones: targets}
	results, err := ask(ctx, con, o.talk, o.timeout, &plan)
	if err != nil {
		return err
	}
	if err := con.print(newLookDoc(targets, results), func(w io.Writer) { drawPhones(w, con, targets, results) }); err != nil {
		return err
	}
	return runFailure(plan, failureContext{}, results)
}

// ask runs a plan that only queries phones, and shows on stderr what it waits for.
func ask(ctx context.Context, con *console, talk talkOptions, timeout time.Duration, plan *fleet.Plan) ([]fleet.Result, error) {
	w := newWatch(con, plan.Phones)
	station, err := talk.open(con, plan.Phones, timeout, transfer.Options{}, w.looking)
	if err != nil {
		return nil, err
	}
	defer station.Close()
	defer w.begin(station)()
	plan.Back = station.back
	results, err := station.runner.Run(ctx, *plan)
	for _, r := range results { // of a run without commands
		if r.Failure != nil && r.Failure.Kind == fleet.KindInterrupted {
			r.Failure.Msg = "interrupted before it answered"
		}
	}
	return results, err
}

// A lookDoc is the JSON answer of phone.
type lookDoc struct {
	Schema int        `json:"schema"`
	Phones []askedDoc `json:"phones"`
}

// An askedDoc is one phone: what it reports, or why it did not answer.
type askedDoc struct {
	Address string     `json:"address"`
	Device  *deviceDoc `json:"device"` // null if it did not answer
	Error   *errorDoc  `json:"error,omitempty"`
}

func newLookDoc(targets []fleet.Target, results []fleet.Result) lookDoc {
	doc := lookDoc{Schema: 1, Phones: []askedDoc{}}
	for i, r := range results {
		row := askedDoc{Address: targets[i].Address, Device: newDeviceDoc(r.After)}
		if r.Failure != nil {
			row.Error = newErrorDoc(phoneFailure(targets[i].Address, failureContext{}, r))
		}
		doc.Phones = append(doc.Phones, row)
	}
	return doc
}

// drawPhones writes a table of phones, or the values of a single phone one below the other.
func drawPhones(w io.Writer, con *console, targets []fleet.Target, results []fleet.Result) {
	if len(results) == 1 {
		if results[0].Failure == nil {
			drawPhone(w, con, targets[0].Address, results[0].After)
		}
		return
	}
	rows := phoneRows(targets, results, false)
	if widest(rows) > con.width {
		rows = phoneRows(targets, results, true)
	}
	drawTable(w, rows)
}

// phoneRows returns the rows of the table, with its header; short leaves out the common beginning of device names. A
// phone that did not answer has one cell besides its name. A column without any value is left out.
func phoneRows(targets []fleet.Target, results []fleet.Result, short bool) [][]string {
	rows := [][]string{{"phone", "device", "software", "part number", "MAC"}}
	said := make([]bool, len(rows[0]))
	for i, r := range results {
		d := r.After
		if short {
			d.Type = strings.TrimPrefix(d.Type, "OpenScape Desk Phone ")
		}
		row := []string{targets[i].Address, d.Type, typed(d), d.PartNumber, d.MAC}
		if r.Failure != nil {
			row = []string{targets[i].Address, r.Failure.Error()}
		}
		for j, cell := range row {
			row[j] = escape(cell)
			said[j] = said[j] || cell != "" && r.Failure == nil
		}
		rows = append(rows, row)
	}
	for i, row := range rows {
		if len(row) < len(said) {
			continue
		}
		rows[i] = nil
		for j, cell := range row {
			if said[j] || j == 0 {
				rows[i] = append(rows[i], cell)
			}
		}
	}
	return rows
}

// tableWidths returns the widths of the columns. Very long cells, and the last cell of a row, do not count.
func tableWidths(rows [][]string) []int {
	const most = 40
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row[:max(len(row)-1, 1)] {
			widths[i] = max(widths[i], min(utf8.RuneCountInString(cell), most))
		}
	}
	return widths
}

// widest returns the width of the widest row of phones that answered.
func widest(rows [][]string) int {
	sum := 0
	for _, width := range tableWidths(rows) {
		sum += width + 2
	}
	last := 0
	for _, row := range rows {
		if len(row) == len(rows[0]) {
			last = max(last, utf8.RuneCountInString(row[len(row)-1]))
		}
	}
	return sum + last - 2
}

func drawTable(w io.Writer, rows [][]string) {
	widths := tableWidths(rows)
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			if i < len(row)-1 {
				cell = pad(cell, widths[i]+2)
			}
			line += cell
		}
		fmt.Fprintln(w, line)
	}
}

func drawPhone(w io.Writer, con *console, address string, d fleet.Device) {
	fmt.Fprintf(w, "%s\n\n", con.paint(bold, escape(address)))
	for _, row := range []struct{ name, value string }{
		{"device", d.Type}, {"software", typed(d)}, {"part number", d.PartNumber}, {"MAC", d.MAC},
	} {
		if row.value == "" {
			row.value = "not reported"
		}
		fmt.Fprintf(w, "  %s%s\n", pad(row.name, 14), wrap(escape(row.value), 16, con.width))
	}
}
