package console

import (
	"fmt"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// Report writes the error of a command and returns its exit code.
func (c *Console) Report(err error) exit.Code {
	if err == nil {
		return exit.CodeOK
	}
	f := exit.Classify(err)
	if c.JSON {
		// An error of writing to stderr cannot be reported anywhere.
		_ = WriteJSON(c.Err, struct {
			Schema int            `json:"schema"`
			Error  *exit.ErrorDoc `json:"error"`
		}{1, exit.NewErrorDoc(err)}, false)
		return f.Code
	}
	fmt.Fprintln(c.Err, "cpupdate: "+Escape(f.Error()))
	for _, hint := range f.Hints {
		fmt.Fprintln(c.Err, "hint: "+Escape(hint))
	}
	return f.Code
}
