// Package phone queries phones for what they are and run.
package phone

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/runview"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// Options are the flags of phone, and the known keys.
type Options struct {
	List    string
	Columns hwcheck.Columns // of the list
	Timeout time.Duration
	Listen  option.Listen
	Web     option.WebPage // read what the page says without a login, too
	Trust   option.Trust   // of the page
	Hosts   *knownhosts.Store
}

// Run queries the phones, and shows what they say.
func Run(ctx context.Context, con *console.Console, o Options, addresses []string) error {
	if o.List == "" && len(addresses) == 0 {
		return exit.Usage("phone", "PHONE is missing: an address, or a list with --phones")
	}
	if o.Timeout <= 0 {
		return exit.Usage("phone", "--timeout must be greater than zero")
	}
	if err := cmp.Or(o.Listen.Validate("phone"), o.validateWeb()); err != nil {
		return err
	}
	phones := option.Phones{List: o.List, Columns: o.Columns}
	targets, err := phones.Targets(ctx, "phone", addresses, fleet.Target{}.Known)
	if err != nil {
		return err
	}
	in := advice.Context{List: o.List, Columns: o.Columns, Flags: con.Flags, Again: o.Listen.Again()}
	var pages []Page
	if o.Web.On {
		in.Page = o.Web.Peer
		if pages, err = o.readPages(ctx, con, in, targets); err != nil {
			return err
		}
		o.Listen.Hurry(fleet.DefaultConfirmFirst)
	}
	plan := fleet.Plan{Phones: targets}
	results, err := runview.Query(ctx, con, o.Listen, o.Timeout, &plan)
	if err != nil {
		return err
	}
	answers := newAnswers(targets, results, pages)
	if err := con.Print(newPhonesDoc(answers, in), func(w io.Writer) { drawPhones(w, con, answers) }); err != nil {
		return err
	}
	for i, a := range answers {
		for _, d := range a.differences() {
			con.NoteAbout("warning", a.target.Address, d.Text)
		}
		if results[i].Failure = a.failure(); a.page != nil && a.page.Failure != nil && a.result.Failure != nil {
			con.NoteAbout("note", a.target.Address, "no call-back either: "+a.result.Failure.Error())
		}
	}
	return advice.RunFailure(plan, in, results)
}

// An answer is what a phone says in its call, and what its page says.
type answer struct {
	target fleet.Target
	result fleet.Result
	page   *Page // nil if it was not to be read
}

func newAnswers(targets []fleet.Target, results []fleet.Result, pages []Page) []answer {
	answers := make([]answer, len(targets))
	for i := range targets {
		answers[i] = answer{target: targets[i], result: results[i]}
		if pages != nil {
			answers[i].page = &pages[i]
		}
	}
	return answers
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
	Page    *pageDoc           `json:"page,omitempty"` // with --web, if it was read
	Error   *exit.ErrorDoc     `json:"error,omitempty"`
	Call    *exit.ErrorDoc     `json:"call,omitempty"` // why it did not call, if its page was read
}

func newPhonesDoc(answers []answer, in advice.Context) phonesDoc {
	doc := phonesDoc{Schema: 1, Phones: []phoneDoc{}}
	for _, a := range answers {
		row := phoneDoc{Address: a.target.Address, Note: a.target.Note, Device: runview.NewDeviceDoc(a.result.After), Page: newPageDoc(a)}
		errorDoc := func(f *fleet.Failure) *exit.ErrorDoc {
			e := advice.PhoneFailure(a.target.Address, in, fleet.Result{Failure: f})
			e.Hints = in.Flags.Fit(e.Hints)
			return exit.NewErrorDoc(e)
		}
		f := a.failure()
		if f != nil {
			row.Error = errorDoc(f)
		}
		if call := a.result.Failure; call != nil && call != f {
			row.Call = errorDoc(call)
		}
		doc.Phones = append(doc.Phones, row)
	}
	return doc
}

// drawPhones writes a table of phones, or the values of a single phone one below the other.
func drawPhones(w io.Writer, con *console.Console, answers []answer) {
	if len(answers) == 1 {
		if a := answers[0]; a.result.Failure == nil || a.hasPage() {
			drawPhone(w, con, a)
		}
		return
	}
	table := phoneTable(con, answers, false)
	if table.Columns() > con.Width {
		table = phoneTable(con, answers, true)
	}
	table.Draw(w)
}

// phoneTable returns the table, with its header; short leaves out the common beginning of device names. A phone that did
// not answer has one cell besides its name. A column without any value is left out.
func phoneTable(con *console.Console, answers []answer, short bool) *console.Table {
	rows := [][]string{{"phone", "device", "software", "part number", "MAC", "web page"}}
	filled := make([]bool, len(rows[0]))
	for _, a := range answers {
		d := a.result.After
		if short {
			d.Type = strings.TrimPrefix(d.Type, "OpenScape Desk Phone ")
		}
		row := []string{a.target.Label(), d.Type, runview.Typed(d), d.PartNumber, d.MAC, a.pageText()}
		if short {
			row[5] = strings.TrimPrefix(row[5], "OpenScape Desk Phone ")
		}
		if f := a.result.Failure; f != nil && a.hasPage() {
			row[1] = "(" + string(f.Kind) + ")"
		} else if f != nil {
			row = []string{a.target.Label(), f.Error()}
		}
		for j, cell := range row {
			filled[j] = filled[j] || cell != "" && len(row) == len(filled)
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

func drawPhone(w io.Writer, con *console.Console, a answer) {
	fmt.Fprintf(w, "%s\n\n", con.Paint(console.Bold, console.Escape(a.target.Label())))
	type line struct{ name, value string }
	d := a.result.After
	lines := []line{{"device", d.Type}, {"software", runview.Typed(d)}, {"part number", d.PartNumber}, {"MAC", d.MAC}}
	if f := a.result.Failure; f != nil {
		lines = []line{{"call-back", "none: " + f.Error()}}
	}
	if a.page != nil {
		lines = append(lines, line{"web page", a.pageText()})
	}
	for _, row := range lines {
		if row.value == "" {
			row.value = "not reported"
		}
		fmt.Fprintln(w, con.Layout(2, 12).Line(console.Cells(row.name, row.value)...))
	}
}
