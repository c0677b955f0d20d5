// Package phone queries phones for what they are and run.
package phone

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/runview"
	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// Options are the flags of phone.
type Options struct {
	List    string
	Timeout time.Duration
	Listen  option.Listen
}

// Run queries the phones, and shows what they say.
func Run(ctx context.Context, con *console.Console, o Options, addresses []string) error {
	if o.List == "" && len(addresses) == 0 {
		return exit.Usage("phone", "PHONE is missing: an address, or a list with --phones")
	}
	if o.Timeout <= 0 {
		return exit.Usage("phone", "--timeout must be greater than zero")
	}
	if err := o.Listen.Validate("phone"); err != nil {
		return err
	}
	phones := option.Phones{List: o.List}
	targets, err := phones.Targets(ctx, "phone", addresses, fleet.Target{}.Known)
	if err != nil {
		return err
	}
	plan := fleet.Plan{Phones: targets}
	results, err := runview.Query(ctx, con, o.Listen, o.Timeout, &plan)
	if err != nil {
		return err
	}
	in := advice.Context{List: o.List, Flags: con.Flags, Again: o.Listen.Again()}
	if err := con.Print(newPhonesDoc(targets, results, in), func(w io.Writer) { drawPhones(w, con, targets, results) }); err != nil {
		return err
	}
	return advice.RunFailure(plan, in, results)
}

// A phonesDoc is the JSON answer of phone.
type phonesDoc struct {
	Schema int        `json:"schema"`
	Phones []phoneDoc `json:"phones"`
}

// A phoneDoc holds what a phone reports, or why it did not answer.
type phoneDoc struct {
	Address string             `json:"address"`
	Note    string             `json:"note,omitempty"` // of the list
	Device  *runview.DeviceDoc `json:"device"`         // null if it did not answer
	Error   *exit.ErrorDoc     `json:"error,omitempty"`
}

func newPhonesDoc(targets []fleet.Target, results []fleet.Result, in advice.Context) phonesDoc {
	doc := phonesDoc{Schema: 1, Phones: []phoneDoc{}}
	for i, r := range results {
		row := phoneDoc{Address: targets[i].Address, Note: targets[i].Note, Device: runview.NewDeviceDoc(r.After)}
		if r.Failure != nil {
			f := advice.PhoneFailure(targets[i].Address, in, r)
			f.Hints = in.Flags.Fit(f.Hints)
			row.Error = exit.NewErrorDoc(f)
		}
		doc.Phones = append(doc.Phones, row)
	}
	return doc
}

// drawPhones writes a table of phones, or the values of a single phone one below the other.
func drawPhones(w io.Writer, con *console.Console, targets []fleet.Target, results []fleet.Result) {
	if len(results) == 1 {
		if results[0].Failure == nil {
			drawPhone(w, con, targets[0].Label(), results[0].After)
		}
		return
	}
	table := phoneTable(con, targets, results, false)
	if table.Columns() > con.Width {
		table = phoneTable(con, targets, results, true)
	}
	table.Draw(w)
}

// phoneTable returns the table, with its header; short leaves out the common beginning of device names. A phone that did
// not answer has one cell besides its name. A column without any value is left out.
func phoneTable(con *console.Console, targets []fleet.Target, results []fleet.Result, short bool) *console.Table {
	rows := [][]string{{"phone", "device", "software", "part number", "MAC"}}
	filled := make([]bool, len(rows[0]))
	for i, r := range results {
		d := r.After
		if short {
			d.Type = strings.TrimPrefix(d.Type, "OpenScape Desk Phone ")
		}
		row := []string{targets[i].Label(), d.Type, runview.Typed(d), d.PartNumber, d.MAC}
		if r.Failure != nil {
			row = []string{targets[i].Label(), r.Failure.Error()}
		}
		for j, cell := range row {
			filled[j] = filled[j] || cell != "" && r.Failure == nil
		}
		rows = append(rows, row)
	}
	table := con.Table(0)
	table.Width, table.Limit = 0, 40
	for _, row := range rows {
		var cells []console.Cell
		for j, cell := range row {
			if filled[j] || j == 0 || len(row) < len(filled) {
				cells = append(cells, console.Plain.Cell(cell))
			}
		}
		table.Row(cells...)
	}
	return table
}

func drawPhone(w io.Writer, con *console.Console, address string, d fleet.Device) {
	fmt.Fprintf(w, "%s\n\n", con.Paint(console.Bold, console.Escape(address)))
	for _, row := range []struct{ name, value string }{
		{"device", d.Type}, {"software", runview.Typed(d)}, {"part number", d.PartNumber}, {"MAC", d.MAC},
	} {
		if row.value == "" {
			row.value = "not reported"
		}
		fmt.Fprintln(w, con.Layout(2, 12).Line(console.Cells(row.name, row.value)...))
	}
}
