package hwcheck

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Columns say in which column a list of another program has a value: such as mac in "MAC Address". The zero value is for lists whose
// columns have the names of the values.
type Columns []ColumnName

// A ColumnName names the column of a value.
type ColumnName struct {
	Value  string // a column of a phone list, such as mac
	Column string // its name in the list
}

// ParseColumns reads names of columns such as address=IP,mac="MAC Address". Quotes are for a name that contains a comma, and begins or
// ends with a quote or a blank; a quote within them is written twice.
func ParseColumns(text string) (Columns, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("it is not UTF-8")
	}
	var all Columns
	for rest, more := text, true; more; {
		value, after, found := strings.Cut(rest, "=")
		if comma := strings.IndexByte(rest, ','); !found || comma >= 0 && comma < len(value) {
			item, _, _ := strings.Cut(rest, ",")
			return nil, fmt.Errorf("%.64q has no =: write VALUE=COLUMN", strings.TrimSpace(item))
		}
		one, err := columnValue(value)
		if err != nil {
			return nil, err
		}
		one.Column, rest, more, err = columnName(after)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.Value, err)
		}
		if err := all.checkTwice(one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// columnValue returns a value of phone lists, in whichever notation it is named.
func columnValue(name string) (ColumnName, error) {
	key := columnKey(name)
	for _, c := range columns() {
		if key == columnKey(c.name) {
			return ColumnName{Value: c.name}, nil
		}
	}
	return ColumnName{}, fmt.Errorf("%.64q is no value of a phone list; the values are %s", strings.TrimSpace(name), columnNames())
}

// columnName splits the name of a column from what follows it; more says that another one follows.
func columnName(text string) (name, rest string, more bool, err error) {
	text = strings.TrimLeft(text, " ")
	if quoted, is := strings.CutPrefix(text, `"`); is {
		if name, rest, err = untilQuote(quoted); err != nil {
			return "", "", false, err
		}
		before := ""
		if before, rest, more = strings.Cut(rest, ","); strings.TrimSpace(before) != "" {
			return "", "", false, fmt.Errorf("%.64q follows the closing quote", strings.TrimSpace(before))
		}
	} else {
		name, rest, more = strings.Cut(text, ",")
	}
	switch name = strings.TrimSpace(name); {
	case name == "":
		return "", "", false, errors.New("the name of the column is empty")
	case len(name) > maxCell:
		return "", "", false, fmt.Errorf("the name of the column has %d bytes, at most %d are allowed", len(name), maxCell)
	case strings.ContainsFunc(name, unicode.IsControl):
		return "", "", false, errors.New("the name of the column contains a control character")
	}
	return name, rest, more, nil
}

// untilQuote returns the text before the closing quote, and what follows the quote.
func untilQuote(text string) (name, rest string, err error) {
	var b strings.Builder
	for {
		part, after, found := strings.Cut(text, `"`)
		b.WriteString(part)
		switch {
		case !found:
			return "", "", errors.New("the quote is not closed")
		case !strings.HasPrefix(after, `"`):
			return b.String(), after, nil
		}
		b.WriteByte('"')
		text = after[1:]
	}
}

// checkTwice refuses a value or a column that is named already.
func (c Columns) checkTwice(one ColumnName) error {
	for _, other := range c {
		switch {
		case other.Value == one.Value:
			return fmt.Errorf("%s is named twice", one.Value)
		case other.Column == one.Column:
			return fmt.Errorf("the column %.64q is named for %s and for %s", one.Column, other.Value, one.Value)
		}
	}
	return nil
}

// has reports whether a value has a named column.
func (c Columns) has(value string) bool {
	return slices.ContainsFunc(c, func(one ColumnName) bool { return one.Value == value })
}

// String returns the names as [ParseColumns] reads them.
func (c Columns) String() string {
	var items []string
	for _, one := range c {
		name := one.Column
		if strings.ContainsAny(name, `,"`) {
			name = `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		}
		items = append(items, one.Value+"="+name)
	}
	return strings.Join(items, ",")
}

// place returns which value each column of a header has, and adds an error for each column that is not there, or not only once. A
// name is compared as it is, and if the list has none like it, as [columnKey] has it.
func (c Columns) place(cells []string, line int, faults *ListError) map[int]column {
	placed := map[int]column{}
	known := columns()
	for _, one := range c {
		found := matches(cells, func(cell string) bool { return strings.TrimSpace(cell) == one.Column })
		if key := columnKey(one.Column); len(found) == 0 && key != "" {
			found = matches(cells, func(cell string) bool { return columnKey(cell) == key })
		}
		switch len(found) {
		case 0:
			advice := "correct the name of the column; upper and lower case, blanks, dots, - and _ do not matter"
			switch {
			case slices.ContainsFunc(cells, func(cell string) bool { return !utf8.ValidString(cell) }):
				advice = `save the list as "CSV UTF-8"`
			case len(cells) == 1 && strings.ContainsAny(cells[0], ",;|\t"):
				advice = adviceSeparator
			}
			faults.add(line, advice, "no column is named %.64q, which is to have %s; the columns are %s", one.Column, one.Value, shownNames(cells))
		case 1:
			if other, twice := placed[found[0]]; twice { // their names differ in what does not matter
				faults.add(line, "name another column for one of them", "the column %.64q is to have %s and %s", cells[found[0]], other.name, one.Value)
				continue
			}
			placed[found[0]] = known[slices.IndexFunc(known, func(k column) bool { return k.name == one.Value })]
		default:
			faults.add(line, "rename one of them in the list", "%d columns are named %.64q", len(found), one.Column)
		}
	}
	return placed
}

func matches(cells []string, is func(cell string) bool) []int {
	var found []int
	for i, cell := range cells {
		if is(cell) {
			found = append(found, i)
		}
	}
	return found
}

// shownNames returns the first names of a header.
func shownNames(cells []string) string {
	const most = 20
	var names []string
	for _, cell := range cells[:min(len(cells), most)] {
		names = append(names, fmt.Sprintf("%.64q", strings.TrimSpace(cell)))
	}
	if len(cells) > most {
		names = append(names, fmt.Sprintf("and %d others", len(cells)-most))
	}
	return strings.Join(names, ", ")
}
