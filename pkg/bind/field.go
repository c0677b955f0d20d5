package bind

// A Format is a way in which an image says what it is.
type Format string

// The known formats.
const (
	CPB        Format = "cpb"        // this project's own header, docs/bind-format.md
	OpenStage  Format = "openstage"  // the layout observed in public programs
	Descriptor Format = "descriptor" // no known header: what a descriptor beside the image states
)

// Title returns the format's name as people write it.
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

// A Source is the place that a value was read from.
type Source string

// The sources.
const (
	Header         Source = "header"
	Trailer        Source = "trailer"
	FromDescriptor Source = "descriptor"
	FileName       Source = "file name"
)

// A Confidence says how sure it is that a value means what we say it means.
type Confidence string

// The degrees of confidence.
const (
	Documented Confidence = "documented" // the format is written down
	Observed   Confidence = "observed"   // seen in public programs, confirmed by nobody
	Stated     Confidence = "stated"     // somebody says so beside the image
)

// An Origin is where a value comes from and how sure we are of it. Offset and Length are in bytes: in the image for
// header and trailer, in the descriptor or the file name for those. The zero Origin means that the value is unknown.
type Origin struct {
	Source     Source
	Confidence Confidence
	Offset     int64
	Length     int64
}

// A Field is one piece of an image: what stands there and what it means.
type Field struct {
	Name   string
	Origin        // of the value
	Head   []byte // what announces the value right before it: CPB's type and length; else nil
	Raw    []byte // the value's bytes
	Value  string // the value as text, not escaped: it may hold whatever the image holds
}
