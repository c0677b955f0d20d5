package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of one event.
const (
	MaxText = 1000     // bytes of a text; a longer one is cut
	MaxBody = 64 << 10 // bytes of a body as JSON; a longer one is refused
	MaxKind = 64       // bytes of a kind
)

// An Event is one entry of a stream.
type Event struct {
	// Seq is the place of the event in the ledger, which sets it. It grows within a stream. Events of one Append may have the
	// same one.
	Seq  Seq
	At   time.Time // in UTC, to the millisecond once it is stored
	Body Body
}

// wireEvent is an event as JSON.
type wireEvent struct {
	At   time.Time       `json:"at"`
	Kind Kind            `json:"kind"`
	Data json.RawMessage `json:"data"`
}

// MarshalJSON returns {"at", "kind", "data"}. Seq is not contained: it belongs to the ledger.
func (e Event) MarshalJSON() ([]byte, error) {
	kind, data, err := Encode(e.Body)
	if err != nil {
		return nil, err
	}
	return json.Marshal(wireEvent{e.At.UTC().Truncate(time.Millisecond), kind, data})
}

// UnmarshalJSON parses what MarshalJSON returned.
func (e *Event) UnmarshalJSON(text []byte) error {
	var wire wireEvent
	if err := json.Unmarshal(text, &wire); err != nil {
		return fmt.Errorf("not an event: %w", err)
	}
	if err := checkTime(wire.At); err != nil {
		return err
	}
	body, err := Decode(wire.Kind, wire.Data)
	if err != nil {
		return err
	}
	*e = Event{At: wire.At.UTC().Truncate(time.Millisecond), Body: body}
	return nil
}

// checkTime refuses a time that a ledger cannot store.
func checkTime(at time.Time) error {
	if at = at.UTC(); at.Year() < 1970 || at.Year() > 9999 {
		return fmt.Errorf("%w: its time is not between the years 1970 and 9999", ErrInvalid)
	}
	return nil
}

// Encode returns a body as it is stored: a JSON object with names that never change. Texts are bounded to MaxText, and invalid
// UTF-8 in them is replaced.
func Encode(body Body) (Kind, []byte, error) {
	if body == nil {
		return "", nil, fmt.Errorf("%w: it has no body", ErrInvalid)
	}
	if unknown, ok := body.(Unknown); ok {
		checked, err := decodeUnknown(unknown.Name, unknown.Data)
		return unknown.Name, checked.Data, err
	}
	value := reflect.New(reflect.TypeOf(body)).Elem()
	value.Set(reflect.ValueOf(body))
	data, err := json.Marshal(bound(value).Interface())
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(data) > MaxBody {
		return "", nil, fmt.Errorf("%w: %s has %d bytes, at most %d can be stored", ErrInvalid, body.Kind(), len(data), MaxBody)
	}
	return body.Kind(), data, nil
}

// bound returns a copy of a value of a struct with every text in it bounded.
func bound(value reflect.Value) reflect.Value {
	switch value.Kind() {
	case reflect.String:
		copied := reflect.New(value.Type()).Elem()
		copied.SetString(boundText(value.String()))
		return copied
	case reflect.Struct:
		if value.Type() == reflect.TypeFor[time.Time]() {
			return value
		}
		copied := reflect.New(value.Type()).Elem()
		for i := range value.NumField() {
			copied.Field(i).Set(bound(value.Field(i)))
		}
		if route, ok := copied.Interface().(Route); ok {
			route.Server = withoutLogin(route.Server)
			return reflect.ValueOf(route)
		}
		return copied
	case reflect.Slice:
		if value.IsNil() || value.Type() == reflect.TypeFor[json.RawMessage]() {
			return value
		}
		copied := reflect.MakeSlice(value.Type(), value.Len(), value.Len())
		for i := range value.Len() {
			copied.Index(i).Set(bound(value.Index(i)))
		}
		return copied
	}
	return value
}

// boundText returns a text as it is stored.
func boundText(text string) string {
	const replacement = string(utf8.RuneError)
	if len(text) > MaxText {
		end := MaxText
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	text = strings.ToValidUTF8(text, replacement)
	for len(text) > MaxText { // a replacement is longer than what it replaces
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// withoutLogin returns a URL, or host:port, without what may hold a secret: login, query and fragment.
func withoutLogin(server string) string {
	if u, err := url.Parse(server); err == nil && u.Host != "" {
		return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	}
	server, _, _ = strings.Cut(server, "?")
	server, _, _ = strings.Cut(server, "#")
	scheme, rest, found := strings.Cut(server, "://")
	if !found {
		scheme, rest = "", server
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if found {
		return scheme + "://" + rest
	}
	return rest
}

// Decode parses a stored body. A kind that this program does not know becomes an [Unknown]; fields that it does not know are
// left out.
func Decode(kind Kind, data []byte) (Body, error) {
	switch kind {
	case KindPlanned:
		return decode[Planned](data)
	case KindRunBegun:
		return decode[RunBegun](data)
	case KindFlagsKept:
		return decode[FlagsKept](data)
	case KindWaveOpened:
		return decode[WaveOpened](data)
	case KindPaused:
		return decode[Paused](data)
	case KindResumed:
		return decode[Resumed](data)
	case KindStopped:
		return decode[Stopped](data)
	case KindLimitReached:
		return decode[LimitReached](data)
	case KindSiteCounted:
		return decode[SiteCounted](data)
	case KindNote:
		return decode[Note](data)
	case KindListed:
		return decode[Listed](data)
	case KindBegun:
		return decode[Begun](data)
	case KindTookOver:
		return decode[TookOver](data)
	case KindReported:
		return decode[Reported](data)
	case KindChecked:
		return decode[Checked](data)
	case KindRetry:
		return decode[Retry](data)
	case KindLetGo:
		return decode[LetGo](data)
	case KindOutcome:
		return decodeOutcome(data)
	}
	return decodeStep(kind, data)
}

// decodeOutcome parses an outcome.
func decodeOutcome(data []byte) (Body, error) {
	body, err := decode[Outcome](data)
	if o, is := body.(Outcome); is {
		return o.known(), err
	}
	return nil, err
}

// decodeStep parses the body of a step of an update.
func decodeStep(kind Kind, data []byte) (Body, error) {
	switch kind {
	case KindInstructing:
		return decode[Instructing](data)
	case KindInstructed:
		return decode[Instructed](data)
	case KindAccepted:
		return decode[Accepted](data)
	case KindBusy:
		return decode[Busy](data)
	case KindFetching:
		return decode[Fetching](data)
	case KindFetched:
		return decode[Fetched](data)
	case KindSending:
		return decode[Sending](data)
	case KindSent:
		return decode[Sent](data)
	case KindRestarting:
		return decode[Restarting](data)
	case KindBack:
		return decode[Back](data)
	}
	unknown, err := decodeUnknown(kind, data)
	if err != nil {
		return nil, err
	}
	return unknown, nil
}

// decode parses a body of a known type.
func decode[T Body](data []byte) (Body, error) {
	var body T
	if len(data) > MaxBody {
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d can be stored", ErrInvalid, body.Kind(), len(data), MaxBody)
	}
	if len(data) == 0 || data[0] != '{' {
		return nil, fmt.Errorf("%w: %s is not a JSON object", ErrInvalid, body.Kind())
	}
	if err := json.Unmarshal(data, &body); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInvalid, body.Kind(), err)
	}
	return body, nil
}

// decodeUnknown keeps a body of a kind that this program does not know.
func decodeUnknown(kind Kind, data []byte) (Unknown, error) {
	if kind == "" || len(kind) > MaxKind || !isKindName(string(kind)) {
		return Unknown{}, fmt.Errorf("%w: the name of its kind is not one of 1 to %d small letters, digits and hyphens", ErrInvalid, MaxKind)
	}
	if len(data) == 0 || len(data) > MaxBody || data[0] != '{' || !json.Valid(data) {
		return Unknown{}, fmt.Errorf("%w: %s is not a JSON object of at most %d bytes", ErrInvalid, kind, MaxBody)
	}
	var compact bytes.Buffer // a ledger may keep it as a part of a larger value
	if err := json.Compact(&compact, data); err != nil {
		return Unknown{}, fmt.Errorf("%w: %s: %w", ErrInvalid, kind, err)
	}
	return Unknown{kind, compact.Bytes()}, nil
}

// isKindName reports whether a text consists of small letters, digits and hyphens.
func isKindName(text string) bool {
	for _, r := range text {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}
