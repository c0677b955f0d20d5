package bind

// A Format is a way in which an image states what it is.
type Format string

// The known formats.
const (
	CPB        Format = "cpb"        // this project's own header, docs/bind-format.md
	OpenStage  Format = "openstage"  // the layout observed in public programs
	Descriptor Format = "descriptor" // no known header: the values come from a descriptor beside the image
)

// Title returns the name of the format for people.
func (f Format) Title() string {
	switch f {
	case CPB:
		return "CPB"
	case OpenStage:
		return "OpenStage"
	case Descriptor:
		return "descriptor"
	}
	return string(f)
}

// A Source is the part of an image, or a file, that a value was read from.
type Source string

// The sources.
const (
	Header         Source = "header"
	Trailer        Source = "trailer"
	KernelHeader   Source = "kernel header"
	FromDescriptor Source = "descriptor"
	FileName       Source = "file name"
)

// A Confidence says how certain the meaning of a value is.
type Confidence string

// The degrees of confidence.
const (
	Documented Confidence = "documented" // the format is documented
	Observed   Confidence = "observed"   // seen in public programs, confirmed by nobody
	Stated     Confidence = "stated"     // a person states it beside the image
)

// An Origin says where a value comes from and how certain it is. Offset and Length are in bytes: in the image for
// header and trailer, in the descriptor or the file name for those. The zero Origin means that the value is unknown.
type Origin struct {
	Source     Source
	Confidence Confidence
	Offset     int64
	Length     int64
}

// A Field is one part of an image, with its bytes and their meaning.
type Field struct {
	Name   string
	Origin        // of the value
	Head   []byte // the bytes right before the value that announce it: CPB's type and length; otherwise nil
	Raw    []byte // the value's bytes
	Value  string // the value as text, not escaped: it may contain whatever the image contains
}
