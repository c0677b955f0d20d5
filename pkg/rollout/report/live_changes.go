package report

import (
	"cmp"
	"slices"
)

// Changes returns what a page at a position has to replace: the parts, each as an element with its name, and rows of phones,
// those first that changed first. It returns rows of about so many bytes, at least one; the page is then at the next position,
// and the rest is after that.
func (m *Moment) Changes(after Position, limit int) (parts, rows []string, next Position) {
	if after.Parts > m.version || after.Rows > m.version {
		after = Position{} // of another process
	}
	for _, part := range m.parts {
		if part.version > after.Parts {
			parts = append(parts, `<div data-part="`+part.name+`">`+string(part.html)+"</div>")
		}
	}
	var changed []*liveRow
	for i := range m.rows {
		if m.rows[i].version > after.Rows {
			changed = append(changed, &m.rows[i])
		}
	}
	slices.SortFunc(changed, func(a, b *liveRow) int { return cmp.Compare(a.version, b.version) })
	next = m.Position()
	for size, i := 0, 0; i < len(changed); i++ {
		if i > 0 && size+len(changed[i].html) > limit {
			next.Rows = changed[i-1].version
			break
		}
		rows = append(rows, string(changed[i].html))
		size += len(changed[i].html)
	}
	return parts, rows, next
}
