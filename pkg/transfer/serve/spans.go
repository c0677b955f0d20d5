package serve

import (
	"cmp"
	"slices"
)

// A span is a part of a file: the bytes from one offset up to, but without, another.
type span struct{ from, to int64 }

// spans are parts of a file, in their order, with gaps between them.
type spans []span

// maxSpans is how many parts are kept apart. A client that asks for more in pieces gets them, but the smallest part is
// forgotten: better to know too little than to grow at its will.
const maxSpans = 1024

// with returns the spans with another part.
func (s spans) with(part span) spans {
	if part.to <= part.from {
		return s
	}
	first, _ := slices.BinarySearchFunc(s, part.from, func(one span, from int64) int { return cmp.Compare(one.to, from) })
	last := first
	for last < len(s) && s[last].from <= part.to {
		part.from, part.to = min(part.from, s[last].from), max(part.to, s[last].to)
		last++
	}
	s = slices.Replace(s, first, last, part)
	if len(s) > maxSpans {
		smallest := slices.MinFunc(s, func(a, b span) int { return cmp.Compare(a.to-a.from, b.to-b.from) })
		s = slices.DeleteFunc(s, func(one span) bool { return one == smallest })
	}
	return s
}

// without returns the spans without a part.
func (s spans) without(part span) spans {
	var rest spans
	for _, one := range s {
		rest = rest.with(span{one.from, min(one.to, part.from)}).with(span{max(one.from, part.to), one.to})
	}
	return rest
}

// total returns how many bytes they have.
func (s spans) total() (n int64) {
	for _, one := range s {
		n += one.to - one.from
	}
	return n
}

// missing returns how many bytes of a part are in none of them.
func (s spans) missing(part span) int64 {
	n := part.to - part.from
	for _, one := range s {
		if from, to := max(one.from, part.from), min(one.to, part.to); from < to {
			n -= to - from
		}
	}
	return n
}
