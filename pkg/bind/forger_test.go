package bind_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// TestForgerStartsFromAValidImage checks that the forger's image is valid, because otherwise every forgery is refused
// for the wrong reason.
func TestForgerStartsFromAValidImage(t *testing.T) {
	f, err := open(t, forge.Valid().Image())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.Facts().Family.Value, "OpenScape Desk Phone CP"; got != want {
		t.Errorf("family %q, want %q", got, want)
	}
}

func TestForgeries(t *testing.T) {
	seen := map[string]bool{}
	for _, forgery := range forge.Forgeries() {
		if seen[forgery.Name] {
			t.Errorf("two forgeries are called %q", forgery.Name)
		}
		seen[forgery.Name] = true
		t.Run(forgery.Name, func(t *testing.T) {
			_, err := open(t, forgery.Image)
			checkForgery(t, forgery, err)

			stream, err := bind.NewStream(bytes.NewReader(forgery.Image))
			if err == nil {
				err = stream.Verify(t.Context())
			}
			checkForgery(t, forgery, err)
		})
	}
	if len(seen) < 120 {
		t.Errorf("%d forgeries, the list was longer once", len(seen))
	}
}

func checkForgery(t *testing.T, want forge.Forgery, err error) {
	t.Helper()
	var got *bind.FormatError
	if !errors.As(err, &got) {
		t.Fatalf("got the error %v, want a FormatError", err)
	}
	if got.Problem != want.Problem || got.Field != want.Field || got.Offset != want.Offset {
		t.Errorf("got %s in %s at 0x%X, want %s in %s at 0x%X\n%v", got.Problem, got.Field, got.Offset, want.Problem, want.Field, want.Offset, err)
	}
	if got.Msg == "" {
		t.Error("the error says nothing")
	}
}
