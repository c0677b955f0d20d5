package bind

import (
	"context"
	"errors"
)

// Describe reads the whole image called name and returns what it shows: size and digest, the values of its header if
// the format is known, and otherwise version and software type from the file's name. Describe ignores a descriptor that
// is already beside the image. A damaged image is an error, as for [Open] and [File.Verify].
func Describe(ctx context.Context, name string) (*Description, error) {
	osFile, size, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	defer osFile.Close()
	f, err := NewFile(osFile, size)
	if errors.Is(err, ErrNotBind) {
		f, err = newDescribedFile(osFile, size, err), nil
	}
	if err != nil {
		return nil, err
	}
	f.wholeDigest = true
	if err := f.Verify(ctx); err != nil {
		return nil, err
	}
	return f.facts.description(ReadFileName(name)), nil
}

// description returns the facts as a descriptor states them, with the values of the file name where the image states
// none.
func (facts *Facts) description(named NameFacts) *Description {
	d := &Description{
		Content: facts.Content,
		SHA256:  *facts.Integrity.SHA256, Size: facts.Size,
		Family: facts.Family.Value, Models: facts.Models.Value, SoftwareType: facts.SoftwareType.Value,
		Version: facts.Version.Value, Levels: facts.Levels.Value, Note: facts.Note.Value,
	}
	switch {
	case facts.Models.Known() && facts.Models.Confidence == Observed:
		d.Named = Fact[string]{facts.Models.Value[0], facts.Models.Origin}
	case facts.Models.Known():
	case facts.Platform.Known():
		d.Named = facts.Platform
	case facts.Format == Descriptor:
		d.Named = named.Model
	}
	if !facts.SoftwareType.Known() && named.SoftwareType.Known() {
		d.SoftwareType = named.SoftwareType.Value
		d.FromFileName = append(d.FromFileName, "software_type")
	}
	if !facts.Version.Known() && named.Version.Known() {
		d.Version = named.Version.Value
		d.FromFileName = append(d.FromFileName, "software_version")
	}
	return d
}

// Agree checks whether a descriptor with this text is valid for the image called name: it returns the error that [Open]
// would. It writes nothing, and does not compare the digest.
func Agree(name string, text []byte) error {
	osFile, size, err := openRegular(name)
	if err != nil {
		return err
	}
	defer osFile.Close()
	description, places, err := parseDescriptor(text)
	if err != nil {
		return err
	}
	beside := &sealedDescriptor{name: name + DescriptorSuffix, text: text, description: description, places: places}
	_, err = newBeside(osFile, size, beside)
	return err
}
