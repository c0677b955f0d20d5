package bind

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// DescriptorSuffix is appended to an image's name for its descriptor, and SignatureSuffix to the descriptor's name for
// its signature.
const (
	DescriptorSuffix = ".bind.toml"
	SignatureSuffix  = ".sig"
)

// maxDescriptor is the maximum size of a descriptor in bytes.
const maxDescriptor = 8 << 10

// maxBrackets is the maximum number of arrays and tables in a descriptor, which needs two. Thousands of them, nested,
// would cost the parser more memory than a descriptor may.
const maxBrackets = 100

// A Description is the content of a descriptor: what a person states about an image. SHA256 and Size bind it to one
// image; any other zero value means not stated.
type Description struct {
	SHA256       [32]byte
	Size         int64 // bytes
	Family       string
	Models       []string
	SoftwareType string
	Version      Version
	Levels       Levels
	Note         string
	FromFileName []string     // names of values that only come from the file's name: "software_type", "software_version"
	Named        Fact[string] // the model or platform that [Describe] observed in the image, or else in its file name; no descriptor states it
	Content      Content      // what [Describe] found the image to look like; no descriptor states it
}

// descriptorFile is a descriptor as TOML.
type descriptorFile struct {
	Schema          int      `toml:"schema"`
	SHA256          string   `toml:"sha256"`
	Size            int64    `toml:"size"`
	Family          string   `toml:"family"`
	Models          []string `toml:"models"`
	SoftwareType    string   `toml:"software_type"`
	SoftwareVersion string   `toml:"software_version"`
	HardwareLevels  string   `toml:"hw_levels"`
	Note            string   `toml:"note"`
	FromFileName    []string `toml:"from_file_name"`
}

// Marshal returns the descriptor as TOML. It escapes each character that does not print, because the text may be shown
// on a terminal. It fails if the result would not be read back.
func (d *Description) Marshal() ([]byte, error) {
	text := fmt.Appendf(nil, "schema = 1\nsha256 = '%x'\nsize = %d\n", d.SHA256, d.Size)
	line := func(key, value string) {
		if value != "" {
			text = fmt.Appendf(text, "%s = %s\n", key, value)
		}
	}
	line("family", tomlText(d.Family))
	line("models", tomlList(d.Models))
	line("software_type", tomlText(d.SoftwareType))
	if !d.Version.IsZero() {
		line("software_version", tomlText(d.Version.String()))
	}
	if !d.Levels.IsZero() {
		line("hw_levels", tomlText(d.Levels.String()))
	}
	line("note", tomlText(d.Note))
	line("from_file_name", tomlList(d.FromFileName))
	if _, err := ParseDescription(text); err != nil {
		return nil, err
	}
	return text, nil
}

// ParseDescription parses a descriptor. An unknown key is an error, and so is every value that a CPB header could not
// hold. The error is a [*FormatError] whose offset is that in the text.
func ParseDescription(text []byte) (*Description, error) {
	d, _, err := parseDescriptor(text)
	return d, err
}

// parseDescriptor also returns the position of each key.
func parseDescriptor(text []byte) (*Description, map[string]Origin, error) {
	if len(text) > maxDescriptor {
		return nil, nil, descriptorError("size", maxDescriptor, "the descriptor has more than %d bytes", maxDescriptor)
	}
	if n := bytes.Count(text, []byte("[")) + bytes.Count(text, []byte("{")); n > maxBrackets {
		return nil, nil, descriptorError("TOML", 0, "holds %d opening brackets, at most %d are allowed", n, maxBrackets)
	}
	places, err := keyPlaces(text)
	if err != nil {
		return nil, nil, err
	}
	var file descriptorFile
	if err := toml.Unmarshal(text, &file); err != nil {
		return nil, nil, tomlError(err, text)
	}
	d, err := file.description(places)
	if err != nil {
		return nil, nil, err
	}
	return d, places, nil
}

// description checks the values and converts them to their types.
func (file *descriptorFile) description(places map[string]Origin) (*Description, error) {
	d := &Description{
		Size: file.Size, Family: file.Family, Models: file.Models, SoftwareType: file.SoftwareType,
		Note: file.Note, FromFileName: file.FromFileName,
	}
	bad := func(key, format string, args ...any) error {
		return descriptorError(key, places[key].Offset, format, args...)
	}
	if file.Schema != 1 {
		return nil, bad("schema", "is %d, this version reads 1", file.Schema)
	}
	digest, err := hex.DecodeString(file.SHA256)
	if err != nil || len(digest) != len(d.SHA256) {
		return nil, bad("sha256", "must be the image's SHA-256, 64 hexadecimal digits")
	}
	copy(d.SHA256[:], digest)
	if file.Size < 0 || places["size"].Source == "" {
		return nil, bad("size", "must be the image's size in bytes")
	}
	if file.SoftwareVersion != "" {
		if d.Version, err = ParseVersion(file.SoftwareVersion); err != nil {
			return nil, bad("software_version", "%v", err)
		}
	}
	if file.HardwareLevels != "" {
		if d.Levels, err = ParseLevels(file.HardwareLevels); err != nil {
			return nil, bad("hw_levels", "%v", err)
		}
	}
	if err := file.checkTexts(places, d); err != nil {
		return nil, err
	}
	return d, nil
}

// checkTexts checks that the texts keep to the limits of a CPB header.
func (file *descriptorFile) checkTexts(places map[string]Origin, d *Description) error {
	check := func(key, value string, most int) error {
		if len(value) > most {
			return descriptorError(key, places[key].Offset, "has %d bytes, at most %d are allowed", len(value), most)
		}
		return checkText(Descriptor, key, []byte(value), places[key].Offset)
	}
	if len(d.Models) > 64 {
		return descriptorError("models", places["models"].Offset, "lists %d models, at most 64 are allowed", len(d.Models))
	}
	for _, model := range d.Models {
		if model == "" {
			return descriptorError("models", places["models"].Offset, "holds an empty model")
		}
		if err := check("models", model, 32); err != nil {
			return err
		}
	}
	for _, name := range d.FromFileName {
		if name != "software_type" && name != "software_version" {
			return descriptorError("from_file_name", places["from_file_name"].Offset, "lists %s, only software_type and software_version can come from a name", quote(name))
		}
	}
	for _, text := range []struct {
		key, value string
		most       int
	}{
		{"family", d.Family, 64},
		{"software_type", d.SoftwareType, 32},
		{"software_version", file.SoftwareVersion, 64},
		{"hw_levels", file.HardwareLevels, 1024},
		{"note", d.Note, 512},
	} {
		if err := check(text.key, text.value, text.most); err != nil {
			return err
		}
	}
	return nil
}

// keyPlaces returns the position of each key with its value, and stops at the first unknown key. The decoder could find
// unknown keys too, but its time and memory would grow with the square of their number. Invalid TOML ends the walk; the
// decoder reports it.
func keyPlaces(text []byte) (map[string]Origin, error) {
	known := []string{
		"schema", "sha256", "size", "family", "models", "software_type", "software_version", "hw_levels", "note", "from_file_name",
	}
	places := map[string]Origin{}
	var parser unstable.Parser
	parser.Reset(text)
	for parser.NextExpression() {
		expression := parser.Expression()
		if expression.Kind != unstable.KeyValue && expression.Kind != unstable.Table && expression.Kind != unstable.ArrayTable {
			continue
		}
		key := expression.Key()
		key.Next()
		first := key.Node()
		name, at := string(first.Data), expression.Raw
		if key.Next() || expression.Kind != unstable.KeyValue || !slices.Contains(known, name) {
			return nil, descriptorError("TOML", int64(first.Raw.Offset), "line %d: unknown key %s", parser.Shape(first.Raw).Start.Line, quote(name))
		}
		places[name] = Origin{FromDescriptor, Stated, int64(at.Offset), int64(at.Length)}
	}
	return places, nil
}

// tomlError converts an error of the TOML decoder, with the offset of the line it names.
func tomlError(err error, text []byte) error {
	row, message := 1, strings.TrimPrefix(err.Error(), "toml: ")
	if decode := (*toml.DecodeError)(nil); errors.As(err, &decode) {
		row, _ = decode.Position()
		// The decoder's text continues with the Go type, which means nothing to the author of the file.
		if kind, _, found := strings.Cut(message, " into struct field "); found {
			message = kind + " as the value of " + decode.Key()[0]
		}
	}
	offset := 0
	for range row - 1 {
		offset += bytes.IndexByte(text[offset:], '\n') + 1
	}
	return descriptorError("TOML", int64(offset), "line %d: %s", row, message)
}

func descriptorError(field string, offset int64, format string, args ...any) *FormatError {
	return &FormatError{Descriptor, Malformed, field, offset, fmt.Sprintf(format, args...)}
}
