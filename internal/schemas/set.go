package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
)

// A Set holds the schemas of a folder.
type Set struct {
	whole  map[string]*jsonschema.Resolved
	shapes map[string][]shape
}

// A shape is one form that a document of a schema may have.
type shape struct {
	key    string
	events []any                                // the values of its field event; nil if it has none
	schema func() (*jsonschema.Resolved, error) // resolved when it is first needed
}

// Open reads schemas of a folder: those that are named, or all.
func Open(folder string, names ...string) (*Set, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("%s has no schemas: %w", folder, err)
	}
	if len(names) > 0 {
		files = slices.DeleteFunc(files, func(path string) bool {
			return !slices.Contains(names, strings.TrimSuffix(filepath.Base(path), ".json"))
		})
	}
	set := &Set{map[string]*jsonschema.Resolved{}, map[string][]shape{}}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := set.add(strings.TrimSuffix(filepath.Base(path), ".json"), text); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return set, nil
}

// add adds one schema, and one for each of its events: the error about one of them says more than that none of all fits.
func (set *Set) add(name string, text []byte) error {
	var whole jsonschema.Schema
	if err := json.Unmarshal(text, &whole); err != nil {
		return err
	}
	if whole.ID != ID(name) || whole.Schema != Draft || whole.Title == "" || whole.Description == "" {
		return fmt.Errorf("it states %q, %q, %q and %q", whole.ID, whole.Schema, whole.Title, whole.Description)
	}
	resolved, err := whole.Resolve(nil)
	if err != nil {
		return err
	}
	set.whole[name] = resolved
	for _, one := range whole.OneOf {
		key, found := strings.CutPrefix(one.Ref, "#/$defs/"+shapePrefix)
		if !found {
			return fmt.Errorf("%q is no shape", one.Ref)
		}
		alone := sync.OnceValues(func() (*jsonschema.Resolved, error) {
			var again jsonschema.Schema
			if err := json.Unmarshal(text, &again); err != nil {
				return nil, err
			}
			again.OneOf, again.Ref = nil, one.Ref
			return again.Resolve(nil)
		})
		set.shapes[name] = append(set.shapes[name], shape{key, events(whole.Defs[shapePrefix+key]), alone})
	}
	return nil
}

// events returns the values that the field event of a shape may have.
func events(s *jsonschema.Schema) []any {
	event := s.Properties["event"]
	switch {
	case event == nil:
		return nil
	case event.Const != nil:
		return []any{*event.Const}
	}
	return event.Enum
}

// Check compares all documents of a text with a schema, and returns what each of them is: "NAME", or "NAME KEY" of a shape.
func (set *Set) Check(name string, text []byte) (keys []string, err error) {
	if set.whole[name] == nil {
		return nil, fmt.Errorf("no schema %s", name)
	}
	for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
		var document any
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return keys, nil
		} else if err != nil {
			return keys, fmt.Errorf("%s: not JSON: %w", name, err)
		}
		key, err := set.one(name, document)
		if err != nil {
			shown, _ := json.Marshal(document)
			return keys, fmt.Errorf("%s: %w\n%s", name, err, shown)
		}
		keys = append(keys, key)
	}
}

// one compares one document. It tries the shapes of its event one by one: what is wrong with one of them says more than that none fits.
func (set *Set) one(name string, document any) (string, error) {
	fields, _ := document.(map[string]any)
	key, why := name, error(nil)
	for _, s := range set.shapes[name] {
		if s.events != nil && !slices.Contains(s.events, fields["event"]) {
			continue
		}
		schema, err := s.schema()
		if err == nil {
			err = schema.Validate(document)
		}
		if err == nil {
			key = name + " " + s.key
		} else {
			why = errors.Join(why, err)
		}
	}
	if err := set.whole[name].Validate(document); err != nil {
		return "", errors.Join(why, err)
	}
	return key, nil
}
