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
		if like := console.Alike(name, FaultNames()); len(like) > 0 {
			hint = "did you mean: " + strings.Join(like, ", ")
		}
		return 0, "", exit.Errorf(exit.CodeUsage, hint, "--fault %s: unknown fault %q", text, name)
	case n > count:
		return 0, "", exit.Usage("simulate", "--fault %s: there is no phone %d of %d", text, n, count)
	}
	return n, name, nil
}

// FaultNames returns the names of all faults.
func FaultNames() []string {
	var names []string
	for _, f := range phonesim.Faults() {
		names = append(names, string(f.Name))
	}
	return names
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
