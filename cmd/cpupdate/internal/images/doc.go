// Package images loads an image for people and for programs: its state, its text, its bytes and its JSON document.
package images

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// A Doc is an image as JSON (docs/json.md). A value that the image does not state is null.
type Doc struct {
	File            string            `json:"file"`
	State           string            `json:"state"`
	Format          *string           `json:"format"`
	SizeBytes       *int64            `json:"size_bytes"`
	HeaderBytes     *int64            `json:"header_bytes"`
	PayloadBytes    *int64            `json:"payload_bytes"`
	Family          *string           `json:"family"`
	Models          []string          `json:"models"`
	Platform        *string           `json:"platform"`
	SoftwareType    *string           `json:"software_type"`
	SoftwareVersion *string           `json:"software_version"`
	HardwareLevels  []bind.LevelRange `json:"hw_levels"`
	Rule            *int              `json:"rule"`
	UpdateFrom      *string           `json:"update_from"`
	Built           *string           `json:"built"`
	Note            *string           `json:"note"`
	Development     *bool             `json:"development"`
	Kernel          *kernelDoc        `json:"kernel"`
	PayloadSHA256   *string           `json:"payload_sha256"`
	SHA256          *string           `json:"sha256"`
	Digest          *string           `json:"digest"`
	Signature       *signatureDoc     `json:"signature"`
	Descriptor      *string           `json:"descriptor"`
	FromFileName    []string          `json:"from_file_name"`
	Corrections     []string          `json:"corrections"`
	Warnings        []string          `json:"warnings"`
	Fields          []fieldDoc        `json:"fields,omitempty"`
	Error           *exit.ErrorDoc    `json:"error"`
}

// A kernelDoc is the kernel part of an OpenStage image. Everything in it is observed.
type kernelDoc struct {
	State   string  `json:"state"` // intact, damaged, not read
	Size    int64   `json:"size_bytes"`
	Name    string  `json:"name"`
	Version *string `json:"software_version"`
}

type signatureDoc struct {
	State string  `json:"state"`
	KeyID *string `json:"key_id"`
	Key   *string `json:"key"`
}

type fieldDoc struct {
	Name       string `json:"name"`
	Offset     int64  `json:"offset"`
	Length     int64  `json:"length"`
	Head       string `json:"head,omitempty"`
	Raw        string `json:"raw"`
	Value      string `json:"value"`
	Source     string `json:"source"`
	Confidence string `json:"confidence"`
}

// The states of an image.
const (
	stateIntact     = "intact"
	stateUnverified = "unverified" // the image has no digest
	StateUnread     = "header-only"
	StateDamaged    = "damaged"
	stateUntrusted  = "untrusted"
	stateUnreadable = "unreadable"
)

// State returns the verdict of inspect in one word.
func (im *Image) State() string {
	format := (*bind.FormatError)(nil)
	switch in := im.Facts.Integrity; {
	case !im.Readable && !errors.As(im.Cause, &format):
		return stateUnreadable
	case !im.Readable || in.Digest == bind.Wrong || in.Kernel == bind.Wrong:
		return StateDamaged
	case im.Err != nil:
		return stateUntrusted
	case in.Digest == bind.NotRead:
		return StateUnread
	case in.Digest == bind.Absent:
		return stateUnverified
	}
	return stateIntact
}

// Doc returns the image as JSON.
func (im *Image) Doc() Doc {
	doc := Doc{File: DisplayName(im.Name), State: im.State(), FromFileName: []string{}, Corrections: []string{}, Warnings: append([]string{}, im.Warnings...)}
	if im.Err != nil {
		doc.Error = exit.NewErrorDoc(im.Err)
	}
	if !im.Readable {
		return doc
	}
	f := im.Facts
	doc.Format = new(string(f.Format))
	doc.SizeBytes, doc.HeaderBytes, doc.PayloadBytes = known(f.Size), new(f.HeaderLength), known(f.PayloadLength)
	doc.Family, doc.Platform, doc.SoftwareType, doc.Note = fact(f.Family), fact(f.Platform), fact(f.SoftwareType), fact(f.Note)
	doc.Models, doc.HardwareLevels = f.Models.Value, f.Levels.Value.Ranges()
	doc.SoftwareVersion, doc.UpdateFrom = versionFact(f.Version), versionFact(f.UpdateFrom)
	doc.Rule = new(im.rule())
	doc.Development, doc.Kernel = new(f.Development), newKernelDoc(f)
	if f.Built.Known() {
		doc.Built = new(f.Built.Value.Format(time.RFC3339))
	}
	if f.PayloadSHA256.Known() {
		doc.PayloadSHA256 = new(hex.EncodeToString(f.PayloadSHA256.Value[:]))
	}
	if sum := f.Integrity.SHA256; sum != nil {
		doc.SHA256 = new(hex.EncodeToString(sum[:]))
	}
	doc.Digest = new(string(f.Integrity.Digest))
	doc.Signature = newSignatureDoc(f.Integrity.Signature)
	if f.Described != "" {
		doc.Descriptor = &f.Described
	}
	doc.FromFileName, doc.Corrections = append(doc.FromFileName, f.NamedBy...), append(doc.Corrections, f.Corrections...)
	doc.Fields = im.fieldDocs()
	return doc
}

// rule returns the number of the manual's rule that applies to the image.
func (im *Image) rule() int {
	if im.Facts.Levels.Known() {
		return 1
	}
	return 2
}

// newKernelDoc returns nil for an image without a kernel part.
func newKernelDoc(f bind.Facts) *kernelDoc {
	if !f.Kernel.Known() {
		return nil
	}
	k := f.Kernel.Value
	doc := &kernelDoc{State: kernelState(f), Size: k.Length, Name: k.Name}
	if !k.Version.IsZero() {
		doc.Version = new(k.Version.String())
	}
	return doc
}

// kernelState returns the state of the kernel part in words.
func kernelState(f bind.Facts) string {
	switch f.Integrity.Kernel {
	case bind.Right:
		return "intact"
	case bind.Wrong:
		return "damaged"
	case bind.NotRead, bind.Absent:
	}
	return "not read"
}

func newSignatureDoc(s bind.Signature) *signatureDoc {
	doc := &signatureDoc{State: string(s.State)}
	if s.KeyID != (bind.KeyID{}) {
		doc.KeyID = new(s.KeyID.String())
	}
	if s.KeyName != "" {
		doc.Key = &s.KeyName
	}
	return doc
}

func (im *Image) fieldDocs() []fieldDoc {
	docs := []fieldDoc{}
	for _, f := range im.fields {
		docs = append(docs, fieldDoc{
			f.Name, f.Offset, f.Length, hex.EncodeToString(f.Head), hex.EncodeToString(f.Raw),
			f.Value, string(f.Source), string(f.Confidence),
		})
	}
	return docs
}

// known returns a count of bytes, or nil for -1, which means unknown.
func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

func fact(f bind.Fact[string]) *string {
	if !f.Known() {
		return nil
	}
	return &f.Value
}

func versionFact(f bind.Fact[bind.Version]) *string {
	if !f.Known() {
		return nil
	}
	return new(f.Value.String())
}

// An InspectDoc is the JSON answer of inspect.
type InspectDoc struct {
	Schema     int          `json:"schema"`
	Images     []Doc        `json:"images"`
	PassedOver []PassedOver `json:"passed_over"`
}
