package simulate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// addFaults adds the faults to the phones.
func (o *Options) addFaults(plan []simulated) error {
	for _, text := range o.faults {
		chosen, name, err := faultOf(text, len(plan))
		if err != nil {
			return err
		}
		for i := range plan {
			if chosen != 0 && chosen != i+1 {
				continue
			}
			if err := plan[i].config.AddFault(name); err != nil {
				return exit.Usage("simulate", "--fault %s: phone %d: %v", text, i+1, err)
			}
		}
	}
	return nil
}

// faultOf parses [N=]NAME; 0 means all phones.
func faultOf(text string, count int) (n int, name string, err error) {
	number, name, found := strings.Cut(text, "=")
	if !found {
		name = text
	} else if n, err = strconv.Atoi(number); err != nil || n < 1 {
		return 0, "", exit.Usage("simulate", "--fault %s: use NAME, or N=NAME for the Nth phone, from 1", text)
	}
	known := func(f phonesim.FaultInfo) bool { return string(f.Name) == name }
	switch {
	case !slices.ContainsFunc(phonesim.Faults(), known):
		hint := "cpupdate simulate --list-faults shows the names"
		if like := faultsLike(name); len(like) > 0 {
			hint = "did you mean: " + strings.Join(like, ", ")
		}
		return 0, "", exit.Errorf(exit.CodeUsage, hint, "--fault %s: unknown fault %q", text, name)
	case n > count:
		return 0, "", exit.Usage("simulate", "--fault %s: there is no phone %d of %d", text, n, count)
	}
	return n, name, nil
}

// faultsLike returns the faults that are spelled alike, or that contain the name.
func faultsLike(name string) []string {
	const few = 5
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	if len(name) < 3 || len(name) > 64 {
		return nil
	}
	var like []string
	for _, f := range phonesim.Faults() {
		known := string(f.Name)
		if len(like) < few && (strings.Contains(known, name) || strings.HasPrefix(name, known) || edits(known, name) <= 2) {
			like = append(like, known)
		}
	}
	return like
}

// edits counts the letters to add, remove or change to turn one word into the other.
func edits(one, other string) int {
	row := make([]int, len(other)+1)
	for i := range row {
		row[i] = i
	}
	for i := range len(one) {
		before := row[0]
		row[0] = i + 1
		for j := range len(other) {
			changed := before
			if one[i] != other[j] {
				changed++
			}
			before = row[j+1]
			row[j+1] = min(changed, before+1, row[j]+1)
		}
	}
	return row[len(other)]
}

// faultsDoc is the JSON answer of --list-faults.
type faultsDoc struct {
	Schema int        `json:"schema"`
	Faults []faultDoc `json:"faults"`
}

type faultDoc struct {
	Name string `json:"name"`
	Does string `json:"does"`
}

// ListFaults shows the names of all faults, and what they do.
func ListFaults(con *console.Console) error {
	doc := faultsDoc{Schema: 1}
	table := con.Table(0)
	for _, f := range phonesim.Faults() {
		doc.Faults = append(doc.Faults, faultDoc{string(f.Name), f.Sentence})
		table.Row(console.Cells(string(f.Name), f.Sentence)...)
	}
	return con.Print(doc, table.Draw)
}
