package hwcheck

import (
	"bytes"
	"cmp"
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
	Site     string // where it is, for a rollout with a worker at each site; "" if not stated
}

// ReadPhones reads a phone list: CSV with a header line, as spreadsheets of many countries write it. The cells are
// separated by commas, semicolons or tabulators. A list may have any subset of the columns in any order. An empty cell
// states nothing, a line may leave out its last empty cells, and a line of empty cells is no phone. The name is part of
// the origin of each value. An error about the content is a [*ListError].
func ReadPhones(r io.Reader, name string) ([]ListedPhone, error) {
	return Columns(nil).ReadPhones(r, name)
}

// ReadPhones reads a list of another program as [ReadPhones] does. Columns that are not named, and do not have the name of a value
// that is in no named column, are skipped.
func (c Columns) ReadPhones(r io.Reader, name string) ([]ListedPhone, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxList+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxList {
		return nil, fmt.Errorf("the list has more than %d bytes", maxList)
	}
	if content, err = listText(content); err != nil {
		return nil, err
	}
	lines, err := countLines(content)
	if err != nil {
		return nil, err
	}
	content, comma := withoutPreamble(content)
	rows := csv.NewReader(bytes.NewReader(content))
	rows.Comma = cmp.Or(comma, separatorOf(content))
	rows.TrimLeadingSpace = rows.Comma != '\t' // it would take an empty cell for a blank
	rows.FieldsPerRecord = -1
	rows.ReuseRecord = true
	reader := listReader{rows: rows, name: name, columns: c, seen: map[string]int{}}
	if err := reader.readHeader(); err != nil {
		return nil, err
	}
	phones, err := reader.readRows(min(lines, maxPhones))
	if err != nil {
		return nil, err
	}
	return phones, reader.faults.result()
}

// A listReader reads the lines of a list, and collects the errors in them.
type listReader struct {
	rows    *csv.Reader
	name    string
	columns Columns
	header  []column
	seen    map[string]int // address, SITE/ADDRESS or MAC to its line
	faults  ListError
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
			return 0, fault(first, "close the quotes that are open in this line", "has more than %d bytes, including the lines within its quotes", maxRecord)
		}
		quoted = quoted != (bytes.Count(line, []byte(`"`))%2 == 1)
	}
	return lines, nil
}

// readHeader reads the header line. Invalid names are errors, and their cells are skipped. The error is one after which
// nothing else can be read.
func (l *listReader) readHeader() error {
	cells, err := l.rows.Read()
	if errors.Is(err, io.EOF) {
		return fault(1, adviceHeader, "the list is empty: it needs a header line")
	}
	if err != nil {
		l.csvFault(err)
		return l.faults.result()
	}
	line, _ := l.rows.FieldPos(0)
	known := columns()
	placed := l.columns.place(cells, line, &l.faults)
	if err := l.faults.result(); err != nil {
		return err
	}
	l.header = make([]column, len(cells))
	found := false
	for i, cell := range cells {
		key := columnKey(cell)
		at := slices.IndexFunc(known, func(c column) bool { return columnKey(c.name) == key })
		l.header[i] = skippedColumn()
		named, is := placed[i]
		switch {
		case is:
			l.header[i], found = named, true
		case len(l.columns) > 0 && (at < 0 || l.columns.has(known[at].name)):
		case strings.TrimSpace(cell) == "":
			l.header[i] = unnamedColumn()
		case at < 0:
			l.faults.add(line, "rename the column, or remove it; for a list of another program, use --columns", "unknown column %.64q; the columns are %s", cell, columnNames())
		case slices.ContainsFunc(l.header[:i], func(c column) bool { return c.name == known[at].name }):
			l.faults.add(line, "remove one of the two", "column %s appears twice", known[at].name)
			found = true
		default:
			l.header[i], found = known[at], true
		}
		if l.faults.More {
			return l.faults.result()
		}
	}
	if !found && len(l.faults.Faults) > 0 { // what follows are no phones
		return fault(line, headerAdvice(cells), "%s", l.faults.Faults[0].Msg)
	}
	return nil
}

// headerAdvice returns what to do about a header of which no cell is the name of a column.
func headerAdvice(cells []string) string {
	switch {
	case strings.Contains(cells[0], "\x00"): // UTF-16 without its mark
		return adviceCSV
	case len(cells) == 1 && strings.ContainsAny(cells[0], ",;|\t"):
		return adviceSeparator
	}
	return adviceHeader
}

// columnKey returns a column's name as names are compared: "HW Level" is hw_level.
func columnKey(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '_' || r == '-' || r == '.' || r == '\ufeff' {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

func columnNames() string {
	var names []string
	for _, c := range columns() {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

// readRows reads the phones below the header; there are at most as many phones as lines.
func (l *listReader) readRows(lines int) ([]ListedPhone, error) {
	phones := make([]ListedPhone, 0, lines)
	for !l.faults.More {
		cells, err := l.rows.Read()
		switch {
		case errors.Is(err, io.EOF):
			return phones, l.faults.result()
		case err != nil:
			l.csvFault(err)
			continue
		}
		line, _ := l.rows.FieldPos(0)
		for i := len(l.header); i < len(cells); i++ {
			if strings.TrimSpace(cells[i]) != "" {
				l.faults.add(line, "put a cell that contains the separator into quotes", "has %d cells, the header has %d", len(cells), len(l.header))
				break
			}
		}
		p, stated := l.readRow(cells[:min(len(cells), len(l.header))], line)
		if !stated {
			continue
		}
		if len(phones) == maxPhones {
			l.faults.add(line, "split the list", "too many phones: a list holds at most %d", maxPhones)
			break
		}
		l.checkTwice(p)
		phones = append(phones, p)
	}
	return nil, l.faults.result()
}

// checkTwice adds an error for a phone that is in the list already. Two sites may have the same address.
func (l *listReader) checkTwice(p ListedPhone) {
	var keys, taken []string // what the line states, and what no line before it may have stated
	if p.MAC != "" {
		keys, taken = []string{p.MAC}, []string{p.MAC}
	}
	if p.Address != "" {
		contact, _ := ContactAddress(p.Address) // checked by its column
		keys = append(keys, contact, p.Site+"/"+contact)
		taken = append([]string{contact}, taken...)
		if p.Site != "" {
			taken = append([]string{p.Site + "/" + contact, "/" + contact}, taken[1:]...)
		}
	}
	for _, key := range taken {
		if first, twice := l.seen[key]; twice {
			l.faults.add(p.Line, "remove one of the two lines", "%.64q is already in line %d", key[strings.IndexByte(key, '/')+1:], first)
			return
		}
	}
	for _, key := range keys {
		l.seen[key] = p.Line
	}
}

// readRow reads one phone, and leaves out its invalid cells; stated is false if every cell is empty.
func (l *listReader) readRow(cells []string, line int) (p ListedPhone, stated bool) {
	p.Line = line
	where := fmt.Sprintf("%s, line %d", l.name, line)
	for i, cell := range cells {
		column := l.header[i]
		if cell = strings.TrimSpace(cell); cell == "" {
			continue
		}
		stated = true
		advice, err := checkCell(cell)
		before := p
		if err == nil {
			if err = column.read(&p, cell, where); err != nil {
				p, advice = before, adviceFor(column.name, err)
			}
		}
		if err != nil && !l.faults.add(line, advice, "%s: %v", cmp.Or(column.name, fmt.Sprintf("column %d", i+1)), err) {
			break
		}
	}
	return p, stated
}

// checkCell refuses what no column may contain, and says what to do about it.
func checkCell(cell string) (advice string, err error) {
	switch {
	case !utf8.ValidString(cell):
		return "save the list as \"CSV UTF-8\"", errors.New("is not UTF-8")
	case len(cell) > maxCell:
		return "shorten it", fmt.Errorf("has %d bytes, at most %d are allowed", len(cell), maxCell)
	case strings.ContainsFunc(cell, unicode.IsControl):
		return "write the cell again in one line, without tabulators", errors.New("contains a control character or a line break")
	}
	return "", nil
}

// csvFault adds an error of the CSV reader.
func (l *listReader) csvFault(err error) {
	line, text := 1, err.Error()
	if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
		line, text = parse.Line, parse.Err.Error()
	}
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		text = "has a quote in the middle of a cell"
	case errors.Is(err, csv.ErrQuote):
		text = "has a quote that is not closed, or text after one that is"
	}
	l.faults.add(line, "write a cell with quotes in quotes, and each quote in it twice: \"room \"\"A\"\"\"", "%s", text)
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
