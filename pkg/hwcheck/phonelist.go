package hwcheck

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of a phone list.
const (
	maxList   = 16 << 20 // bytes
	maxPhones = 100_000
	maxRecord = 16 << 10 // bytes, in any number of lines
	maxCell   = 512      // bytes
)

// A ListedPhone is one line of a phone list.
type ListedPhone struct {
	Line     int    // in the file, from 1
	Address  string // HOST, HOST:PORT or [IPv6]:PORT; "" if not stated
	MAC      string // as 00:1A:E8:12:34:56; "" if not stated
	Phone    Phone
	Override bool // the manual's Override, for this phone
	Reason   string
	Note     string
}

// ReadPhones reads a phone list: CSV in UTF-8 with a header line, separated by commas, or by semicolons as spreadsheets
// of many countries write it. A list may have any subset of the columns in any order. An empty cell states nothing, and
// a line of empty cells is no phone. The name is part of the origin of each value. An error about the content is a
// [*LineError].
func ReadPhones(r io.Reader, name string) ([]ListedPhone, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxList+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxList {
		return nil, fmt.Errorf("the list has more than %d bytes", maxList)
	}
	if bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff")) {
		return nil, &LineError{1, "the list is UTF-16: save it as \"CSV UTF-8\""}
	}
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	lines, err := countLines(content)
	if err != nil {
		return nil, err
	}
	rows := csv.NewReader(bytes.NewReader(content))
	rows.TrimLeadingSpace = true
	if first, _, _ := bytes.Cut(bytes.TrimLeft(content, "\r\n"), []byte("\n")); bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		rows.Comma = ';'
	}
	header, err := readHeader(rows)
	if err != nil {
		return nil, err
	}
	rows.ReuseRecord = true
	return readRows(rows, header, name, min(lines, maxPhones))
}

// countLines counts the lines, and stops one endless record from becoming millions of cells: a line break within quotes
// does not end a record.
func countLines(content []byte) (int, error) {
	lines, first, record := 0, 0, 0
	quoted := false
	for line := range bytes.Lines(content) {
		lines++
		if !quoted {
			first, record = lines, 0
		}
		if record += len(line); record > maxRecord {
			return 0, &LineError{first, fmt.Sprintf("has more than %d bytes, including the lines within its quotes", maxRecord)}
		}
		quoted = quoted != (bytes.Count(line, []byte(`"`))%2 == 1)
	}
	return lines, nil
}

// readHeader reads the header line and returns its columns in order.
func readHeader(rows *csv.Reader) ([]column, error) {
	cells, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, &LineError{1, "the list is empty: it needs a header line"}
	}
	if err != nil {
		return nil, csvError(err)
	}
	line, _ := rows.FieldPos(0)
	known := columns()
	header := make([]column, len(cells))
	for i, cell := range cells {
		name := strings.ToLower(strings.TrimSpace(cell))
		if name == "" {
			header[i] = unnamedColumn()
			continue
		}
		at := slices.IndexFunc(known, func(c column) bool { return c.name == name })
		if at < 0 {
			return nil, &LineError{line, fmt.Sprintf("unknown column %.64q; the columns are %s", cell, columnNames())}
		}
		if slices.ContainsFunc(header[:i], func(c column) bool { return c.name == name }) {
			return nil, &LineError{line, fmt.Sprintf("column %s appears twice", name)}
		}
		header[i] = known[at]
	}
	return header, nil
}

func columnNames() string {
	var names []string
	for _, c := range columns() {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

// readRows reads the phones below the header; there are at most as many phones as lines.
func readRows(rows *csv.Reader, header []column, name string, lines int) ([]ListedPhone, error) {
	phones := make([]ListedPhone, 0, lines)
	seen := map[string]int{} // address or MAC to its line
	for {
		cells, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return phones, nil
		}
		if errors.Is(err, csv.ErrFieldCount) {
			line, _ := rows.FieldPos(0)
			return nil, &LineError{line, fmt.Sprintf("has %d cells, the header has %d", len(cells), len(header))}
		}
		if err != nil {
			return nil, csvError(err)
		}
		line, _ := rows.FieldPos(0)
		p, stated, err := readRow(header, cells, line, name)
		if err != nil {
			return nil, err
		}
		if !stated {
			continue
		}
		if len(phones) == maxPhones {
			return nil, &LineError{line, fmt.Sprintf("too many phones: a list holds at most %d", maxPhones)}
		}
		contact := ""
		if p.Address != "" {
			contact, _ = ContactAddress(p.Address) // checked by its column
		}
		for _, key := range []string{contact, p.MAC} {
			if first, twice := seen[key]; twice && key != "" {
				return nil, &LineError{line, fmt.Sprintf("%.64q is already in line %d", key, first)}
			}
			seen[key] = line
		}
		phones = append(phones, p)
	}
}

// readRow reads one phone; stated is false if every cell is empty.
func readRow(header []column, cells []string, line int, name string) (p ListedPhone, stated bool, err error) {
	p.Line = line
	where := fmt.Sprintf("%s, line %d", name, line)
	for i, column := range header {
		cell := strings.TrimSpace(cells[i])
		if cell == "" {
			continue
		}
		stated = true
		if err := checkCell(cell); err != nil {
			return p, false, &LineError{line, fmt.Sprintf("%s: %v", column.name, err)}
		}
		if err := column.read(&p, cell, where); err != nil {
			return p, false, &LineError{line, fmt.Sprintf("%s: %v", column.name, err)}
		}
	}
	return p, stated, nil
}

// checkCell refuses what no column may contain.
func checkCell(cell string) error {
	switch {
	case !utf8.ValidString(cell):
		return errors.New("is not UTF-8: save the list as \"CSV UTF-8\"")
	case len(cell) > maxCell:
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(cell), maxCell)
	case strings.ContainsFunc(cell, unicode.IsControl):
		return errors.New("contains a control character or a line break")
	}
	return nil
}

func csvError(err error) error {
	if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
		return &LineError{parse.Line, parse.Err.Error()}
	}
	return err
}

// WritePhones writes a phone list with all columns, in the form that ReadPhones reads.
func WritePhones(w io.Writer, phones []ListedPhone) error {
	rows := csv.NewWriter(w)
	// The csv package keeps its first error for Error, so the results of Write need no check.
	_ = rows.Write(strings.Split(columnNames(), ", "))
	for _, p := range phones {
		var cells []string
		for _, c := range columns() {
			cells = append(cells, c.write(p))
		}
		_ = rows.Write(cells)
	}
	rows.Flush()
	return rows.Error()
}
