package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// A matrix ends with its context, row by row.
func TestMatrixInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	over := errors.New("it is over")
	cancel(over)
	doc, err := newMatrixDoc(ctx, []*image{{name: "a.bind"}}, nil, make([]hwcheck.ListedPhone, 1000), hwcheck.Policy{})
	if !errors.Is(err, over) || len(doc.Phones) != 0 {
		t.Errorf("got %d rows and %v, want none and %v", len(doc.Phones), err, over)
	}
}

// A matrix is kept in memory, so that it has a largest size; images that cannot be used do not count.
func TestMatrixLimit(t *testing.T) {
	damaged := &image{name: "b.bind", err: errors.New("damaged")}
	images := []*image{{name: "a.bind"}, damaged}
	_, err := newMatrixDoc(t.Context(), append(images, images...), nil, make([]hwcheck.ListedPhone, maxPairs/2+1), hwcheck.Policy{})
	if c := classify(err).code; c != codeUsage || !strings.Contains(err.Error(), "2 images are 250002 pairs") {
		t.Errorf("got exit code %d and %v", c, err)
	}
	if doc, err := newMatrixDoc(t.Context(), images, nil, make([]hwcheck.ListedPhone, 10), hwcheck.Policy{}); err != nil || len(doc.Phones) != 10 {
		t.Errorf("got %d rows and %v, want 10", len(doc.Phones), err)
	}
}
