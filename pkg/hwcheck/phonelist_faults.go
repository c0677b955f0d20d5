package hwcheck

import (
	"errors"
	"fmt"

	"github.com/cpupdate/cpupdate/pkg/address"
)

// maxFaults is the maximum number of errors of one list that are reported.
const maxFaults = 20

// A ListError is what is wrong with a phone list: the first twenty errors in the order of the lines, at least one.
type ListError struct {
	Faults []*LineError
	More   bool // there may be others
}

// Error returns the first error, and how many there are.
func (e *ListError) Error() string {
	if len(e.Faults) == 1 {
		return e.Faults[0].Error()
	}
	return fmt.Sprintf("%v (the first of %s)", e.Faults[0], e.Count())
}

// Count returns "3 errors", or "20 or more errors".
func (e *ListError) Count() string {
	if e.More {
		return fmt.Sprintf("%d or more errors", len(e.Faults))
	}
	return fmt.Sprintf("%d errors", len(e.Faults))
}

// Unwrap returns the errors.
func (e *ListError) Unwrap() []error {
	all := make([]error, len(e.Faults))
	for i, fault := range e.Faults {
		all[i] = fault
	}
	return all
}

// add adds an error. It reports whether there is room for another one.
func (e *ListError) add(line int, advice, format string, args ...any) bool {
	e.Faults = append(e.Faults, &LineError{line, fmt.Sprintf(format, args...), advice})
	e.More = len(e.Faults) == maxFaults
	return !e.More
}

// result returns the error, or nil if there is none.
func (e *ListError) result() error {
	if len(e.Faults) == 0 {
		return nil
	}
	return e
}

// fault returns an error about a whole list.
func fault(line int, advice, format string, args ...any) error {
	e := &ListError{}
	e.add(line, advice, format, args...)
	return e
}

const (
	adviceCSV       = "open it in the program that wrote it, and save it as \"CSV UTF-8\""
	adviceSeparator = "separate the columns with commas, semicolons or tabs, do not quote whole lines, and remove a line sep= with another separator"

	adviceHeader = "write the names of the columns into the first line, such as address,mac,note"
)

// adviceFor returns what to do about an invalid cell of a column.
func adviceFor(name string, err error) string {
	if host := (*address.Error)(nil); errors.As(err, &host) {
		return host.Advice
	}
	return map[string]string{
		"mac":             "write it as on the phone's label, such as 00:1A:E8:12:34:56; in a spreadsheet, give the column the format text",
		"part_number":     "write it as on the phone's label, such as S30817-S7720-A101-4",
		"hw_level":        "write a whole number, such as 3, or leave the cell empty",
		"running":         "write it as the phone shows it, such as V1 R9.2.0; in a spreadsheet, give the column the format text",
		"minimum_version": "write it as the phone shows it, such as V1 R9.2.0; in a spreadsheet, give the column the format text",
		"override":        "write yes or no, or leave the cell empty",
		"site":            "write a short name, such as berlin",
		"":                "write a name for the column into the header line, or empty the cell",
	}[name]
}
