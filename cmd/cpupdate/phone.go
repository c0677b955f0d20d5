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
		Short: "Ask phones what they are and run",
		Long: `Ask each phone over its provisioning interface what it is and which software it
runs. Nothing is changed on it.

PHONE is HOST, HOST:PORT or [IPv6]:PORT; the port is where the phone takes
requests to call, 8085 if absent. The phone then calls this machine, so a
firewall here must let it in (--listen).`,
		Example: `  cpupdate phone 192.0.2.50
  cpupdate phone --phones site.csv --json`,
		RunE: func(cmd *cobra.Command, args []string) error { return look(cmd.Context(), a.con, o, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.list, "phones", "", "a phone list in `FILE` (CSV)")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "the longest wait for a phone to take a request, `DURATION` as in 10s")
	o.talk.addFlags(flags)
	return cmd
}

func look(ctx context.Context, con *console, o lookOptions, addresses []string) error {
	if o.list == "" && len(addresses) == 0 {
		return usage("phone", "PHONE is missing: an address, or a list with --phones")
	}
	if o.timeout <= 0 {
		return usage("phone", "--timeout must be longer than nothing")
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

// ask runs a plan that only looks, and shows on stderr what it waits for.
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
	for _, r := range results { // of a run that tells nothing
		if r.Failure != nil && r.Failure.Kind == fleet.KindInterrupted {
			r.Failure.Msg = "interrupted before it answered"
		}
	}
	return results, err
}

// lookDoc is the answer of phone.
type lookDoc struct {
	Schema int        `json:"schema"`
	Phones []askedDoc `json:"phones"`
}

// An askedDoc is one phone: what it said, or why it did not.
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

// drawPhones writes a table, or the values of a single phone below each other.
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

// phoneRows are the rows of the table, with its head; in short without what most devices are called alike. A phone that did not
// answer has a single cell besides its name. A column in which no phone says anything is left out.
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

// tableWidths are the columns' widths. What a phone says at length, and the last cell of a line, count for nobody else.
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

// widest is the width of the widest line of phones that answered.
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
			row.value = "not said"
		}
		fmt.Fprintf(w, "  %s%s\n", pad(row.name, 14), wrap(escape(row.value), 16, con.width))
	}
}
