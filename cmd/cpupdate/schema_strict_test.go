package main

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/internal/forge"
)

// optional returns the fields without which a document of TestSchemasRefuse is still right, by schema and place. The number of a list
// element is left out.
func optional() []string {
	return []string{
		"check-many phones.device.where",
		"check-many phones.hw_level.where",
		"images images.fields",
		"push before",
		"push device",
		"push image.payload_sha256",
		"push outcomes.updated",
	}
}

// TestSchemasRefuse changes each field of real documents, one at a time: with another name, without it, and with a value of another
// type. The schema must refuse each but those of optional.
func TestSchemasRefuse(t *testing.T) {
	t.Parallel()
	var accepted []string
	for name, documents := range documentsOfAllKinds(t) {
		for _, document := range documents {
			accepted = append(accepted, wronglyAccepted(t, name, document)...)
		}
	}
	slices.Sort(accepted)
	accepted = slices.Compact(accepted)
	if !slices.Equal(accepted, optional()) {
		t.Errorf("accepted:\n%s", strings.Join(accepted, "\n"))
	}
}

// documentsOfAllKinds runs commands with --json and returns what they print, by the name of its schema.
func documentsOfAllKinds(t *testing.T) map[string][][]byte {
	t.Helper()
	folder := t.TempDir()
	image := clitest.Image(t, "cp600.bind", nil)
	list := clitest.File(t, "phones.csv", []byte("address,model,hw-level,note\n192.0.2.1,CP600,3,room 1\n192.0.2.2,CP600,9,\n"))
	payload := clitest.File(t, "app.bin", make([]byte, 1000))
	packed := []string{"pack", payload, "-o", filepath.Join(folder, "new.bind"), "-n", "--software-type", "SIP", "--software-version", "1.9.2.0"}
	openstage := clitest.File(t, "os40.img", forge.ValidOpenStage().Image())
	documents := map[string][][]byte{}
	for name, args := range map[string][]string{
		"version": {"version"}, "help": {"help", "check"}, "exit-codes": {"help", "exit-codes"}, "completion": {"completion", "bash"},
		"images": {"inspect", image}, "check": {"check", image, "--hw-level", "3"}, "check-many": {"check", image, "--phones", list},
		"pack-dry-run": packed, "trust-list": {"trust", "list"}, "defaults": {"defaults", "show"}, "simulate-faults": {"simulate", "--list-faults"},
		"history": {"history"}, "describe-dry-run": {"describe", openstage, "-n", "--software-type", "Siemens SIP", "--software-version", "V3 R1.41.1"},
	} {
		documents[name] = append(documents[name], []byte(runHere(t, nil, append(args, "--json")...).out))
	}
	pushed := phoneImage(t)
	inMemory(t, func(site *site) {
		out := site.run(site.t.Context(), "push", pushed, site.phone("", nil).Address(), "--serve", "--hw-level", "3", "--json").out
		events := map[string]bool{}
		for line := range strings.Lines(out) {
			var doc struct{ Event string }
			if err := json.Unmarshal([]byte(line), &doc); err != nil {
				site.t.Error(err)
			}
			if !events[doc.Event] {
				documents["push"] = append(documents["push"], []byte(line))
			}
			events[doc.Event] = true
		}
	})
	return documents
}

// wronglyAccepted returns where a change of a document is accepted: "SCHEMA PLACE" of a field that may be left out, and "SCHEMA PLACE
// renamed" or "SCHEMA PLACE typed" for the others.
func wronglyAccepted(t *testing.T, name string, text []byte) (accepted []string) {
	t.Helper()
	set, err := allSchemas()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Check(name, text); err != nil || len(text) == 0 {
		t.Errorf("%s is refused as it is: %v", name, err)
		return nil
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	try := func(place, change string) {
		changed, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.Check(name, changed); err == nil {
			accepted = append(accepted, strings.TrimSpace(name+" "+place+" "+change))
		}
	}
	var walk func(place string, value any)
	walk = func(place string, value any) {
		switch value := value.(type) {
		case []any:
			if len(value) > 0 { // the others are like the first one
				walk(place, value[0])
			}
		case map[string]any:
			for _, field := range slices.Sorted(maps.Keys(value)) {
				before, at := value[field], strings.TrimPrefix(place+"."+field, ".")
				delete(value, field)
				try(at, "")
				value[field+"x"] = before
				try(at, "renamed")
				delete(value, field+"x")
				value[field] = map[string]any{"unexpected": []any{}}
				try(at, "typed")
				value[field] = before
				walk(at, before)
			}
		}
	}
	walk("", document)
	return accepted
}
