package bind

import "time"

// A Fact is a value that an image states, with its origin. The zero Fact is unknown.
type Fact[T any] struct {
	Value T
	Origin
}

// Known reports whether the image states the value.
func (f Fact[T]) Known() bool { return f.Source != "" }

// Facts is what an image states about itself, including its descriptor, and whether it is intact.
type Facts struct {
	Format       Format
	Size         int64   // of the whole file in bytes, -1 for a stream that was not read to its end
	HeaderLength int64   // in bytes, 0 without a known header
	Content      Content // what the file looks like if it has no known header

	Family       Fact[string]   // such as "OpenScape Desk Phone CP"
	Models       Fact[[]string] // such as "CP600"; unknown means every model of the family
	Platform     Fact[string]   // an observed name such as "OpenStage Hi" that names no model
	SoftwareType Fact[string]   // such as "Unify HFA"
	Version      Fact[Version]
	Levels       Fact[Levels]  // unknown means that none are stated: rule 2 applies
	UpdateFrom   Fact[Version] // lowest version to update from, a stepping stone
	Built        Fact[time.Time]
	Note         Fact[string] // the builder's message to a technician whose phone is refused
	Kernel       Fact[Kernel] // unknown means that no U-Boot header was found
	Development  bool         // an OpenStage image whose major version is 0

	PayloadLength int64 // in bytes, -1 if not known
	PayloadSHA256 Fact[[32]byte]
	Described     string   // name of the descriptor file, "" without one
	NamedBy       []string // facts that the descriptor took from the file name: "software_version", ...
	Corrections   []string // what the descriptor corrects, one sentence each

	Integrity Integrity
}

// A Check is the state of one comparison.
type Check string

// The states of a comparison.
const (
	NotRead Check = "not read" // the payload was not read
	Absent  Check = "absent"   // there is nothing to compare with
	Right   Check = "right"
	Wrong   Check = "wrong"
)

// Integrity says whether the image is intact and is the one that was signed. A wrong length or checksum of the header
// is not reported here: such an image cannot be opened.
type Integrity struct {
	Digest    Check
	Kernel    Check        // of an OpenStage image's kernel part; Absent without one
	Damage    *FormatError // what is wrong; nil unless Digest or Kernel is Wrong
	SHA256    *[32]byte    // of the whole file, nil if it was not computed
	Signature Signature
}
