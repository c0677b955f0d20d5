package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/verdict"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// A matrix ends with its context, row by row.
func TestMatrixInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	over := errors.New("it is over")
	cancel(over)
	doc, err := verdict.NewMatrixDoc(ctx, []*images.Image{{Name: "a.bind"}}, nil, make([]hwcheck.ListedPhone, 1000), hwcheck.Policy{})
	if !errors.Is(err, over) || len(doc.Phones) != 0 {
		t.Errorf("got %d rows and %v, want none and %v", len(doc.Phones), err, over)
	}
}

// A matrix is kept in memory, so that it has a largest size; images that cannot be used do not count.
func TestMatrixLimit(t *testing.T) {
	damaged := &images.Image{Name: "b.bind", Err: errors.New("damaged")}
	images := []*images.Image{{Name: "a.bind"}, damaged}
	_, err := verdict.NewMatrixDoc(t.Context(), append(images, images...), nil, make([]hwcheck.ListedPhone, verdict.MaxPairs/2+1), hwcheck.Policy{})
	if c := exit.Classify(err).Code; c != exit.CodeUsage || !strings.Contains(err.Error(), "2 images are 250002 pairs") {
		t.Errorf("got exit code %d and %v", c, err)
	}
	if doc, err := verdict.NewMatrixDoc(t.Context(), images, nil, make([]hwcheck.ListedPhone, 10), hwcheck.Policy{}); err != nil || len(doc.Phones) != 10 {
		t.Errorf("got %d rows and %v, want 10", len(doc.Phones), err)
	}
}
