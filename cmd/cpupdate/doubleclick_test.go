package main

import (
	"path/filepath"
	"testing"
)

func TestDoubleClickText(t *testing.T) {
	dropped, err := filepath.Abs("cp600.bind")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args  []string
		shown bool
	}{
		{nil, true},
		{[]string{dropped}, true},
		{[]string{"demo"}, false},
		{[]string{"--json", "rollout", "work", "berlin"}, false},
		{[]string{"inspect", dropped}, false},
	} {
		if got := doubleClickText(test.args) != ""; got != test.shown {
			t.Errorf("%q: text shown: %t, want %t", test.args, got, test.shown)
		}
	}
}
