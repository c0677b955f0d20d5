package bind

import (
	"cmp"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
)

// A sealedDescriptor is a descriptor that is stored beside an image, with its signature if it has one.
type sealedDescriptor struct {
	name        string
	text        []byte
	signature   []byte // nil if unsigned
	description *Description
	places      map[string]Origin
}

// readDescriptorBeside reads the descriptor of the image called name, or returns nil if there is none.
func readDescriptorBeside(name string) (*sealedDescriptor, error) {
	path := name + DescriptorSuffix
	text, err := readSmall(path, "size", maxDescriptor)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("its descriptor %s: %w", quote(path), err)
	}
	s := &sealedDescriptor{name: path, text: text}
	if s.description, s.places, err = parseDescriptor(text); err != nil {
		return nil, err
	}
	s.signature, err = readSmall(path+SignatureSuffix, "signature", ed25519.SignatureSize)
	if err != nil && !isMissing(err) {
		return nil, fmt.Errorf("the signature %s: %w", quote(path+SignatureSuffix), err)
	}
	if err == nil && len(s.signature) != ed25519.SignatureSize {
		return nil, descriptorError("signature", 0, "the file %s has %d bytes, an Ed25519 signature has %d", quote(path+SignatureSuffix), len(s.signature), ed25519.SignatureSize)
	}
	return s, nil
}

// isMissing reports whether an error means that the file does not exist, also because the file system allows no names
// of that length.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENAMETOOLONG)
}

// readSmall reads a whole file of at most limit bytes, which is a field of the descriptor, or all of it.
func readSmall(name, field string, limit int64) ([]byte, error) {
	f, size, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, descriptorError(field, limit, "the file has %d bytes, at most %d are allowed", size, limit)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// describe adds the values of the descriptor. A descriptor may add values that the image leaves open, and correct
// values that were only observed; any other difference is an error.
func (f *File) describe(s *sealedDescriptor) error {
	f.sealed = s
	f.facts.Described = s.name
	d := s.description
	f.facts.NamedBy = d.FromFileName
	if d.Size != f.facts.Size {
		return &FormatError{Descriptor, Disagrees, "size", s.places["size"].Offset, fmt.Sprintf("says %d bytes, the image has %d", d.Size, f.facts.Size)}
	}
	f.addDescriptorFields(s)
	m := merger{file: f, places: s.places}
	merge(&m, "family", &f.facts.Family, d.Family, d.Family != "", false, func(a, b string) bool { return a == b })
	merge(&m, "models", &f.facts.Models, d.Models, len(d.Models) > 0, true, sameModels)
	merge(&m, "software_type", &f.facts.SoftwareType, d.SoftwareType, d.SoftwareType != "", false, func(a, b string) bool { return a == b })
	merge(&m, "software_version", &f.facts.Version, d.Version, !d.Version.IsZero(), false, func(a, b Version) bool { return a == b })
	merge(&m, "hw_levels", &f.facts.Levels, d.Levels, !d.Levels.IsZero(), true, Levels.Equal)
	merge(&m, "note", &f.facts.Note, d.Note, d.Note != "", false, func(a, b string) bool { return a == b })
	return m.err
}

// addDescriptorFields lists everything that the descriptor states, in the order of its text. Raw is the whole line or
// lines of a key: key = value.
func (f *File) addDescriptorFields(s *sealedDescriptor) {
	d := s.description
	values := map[string]string{
		"schema": "1", "sha256": hex.EncodeToString(d.SHA256[:]), "size": fmt.Sprint(d.Size), "family": d.Family,
		"models": strings.Join(d.Models, ", "), "software_type": d.SoftwareType, "software_version": d.Version.String(),
		"hw_levels": d.Levels.String(), "note": d.Note, "from_file_name": strings.Join(d.FromFileName, ", "),
	}
	first := len(f.fields)
	for key, origin := range s.places {
		f.fields = append(f.fields, Field{Name: key, Origin: origin, Raw: s.text[origin.Offset:][:origin.Length], Value: values[key]})
	}
	slices.SortFunc(f.fields[first:], func(a, b Field) int { return cmp.Compare(a.Offset, b.Offset) })
}

// A merger holds what merge needs for each value.
type merger struct {
	file   *File
	places map[string]Origin
	err    error
}

// merge merges one stated value into a fact. silent means that a CPB header without the value thereby states that there
// is none: no models means all of them, no levels means rule 2.
func merge[T any](m *merger, key string, fact *Fact[T], value T, stated, silent bool, same func(a, b T) bool) {
	if !stated || m.err != nil {
		return
	}
	origin := m.places[key]
	switch {
	case !fact.Known() && silent && m.file.facts.Format == CPB:
		m.err = &FormatError{Descriptor, Disagrees, key, origin.Offset, fmt.Sprintf("says %s, the header states none", quote(fmt.Sprint(value)))}
	case !fact.Known():
		*fact = Fact[T]{value, origin}
	case same(fact.Value, value):
	case fact.Confidence == Observed:
		m.file.facts.Corrections = append(m.file.facts.Corrections, fmt.Sprintf("%s is %s in the descriptor, %s was observed in the %s",
			key, quote(fmt.Sprint(value)), quote(fmt.Sprint(fact.Value)), fact.Source))
		*fact = Fact[T]{value, origin}
	default:
		m.err = &FormatError{Descriptor, Disagrees, key, origin.Offset, fmt.Sprintf("says %s, the %s says %s",
			quote(fmt.Sprint(value)), fact.Source, quote(fmt.Sprint(fact.Value)))}
	}
}

func sameModels(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
