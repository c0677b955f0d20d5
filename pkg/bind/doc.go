// Package bind reads, verifies and writes firmware images ("binds") of OpenScape Desk Phone CP and OpenStage
// phones: what an image says about itself, where each value stands, and whether the image is whole.
//
// It decides nothing about phones: whether a phone takes an image is the business of package hwcheck.
//
// Three formats are known. CPB is this project's own documented format. OpenStage is a layout observed in public
// programs. Any other file can be described by a descriptor, a small TOML file beside the image. The byte layouts
// are written down in docs/bind-format.md.
//
// A header is read without touching the payload: [NewFile] reads at most 64 KiB and an OpenStage trailer of 296
// bytes, whatever the image's size. [File.Verify] reads the payload, once, in constant memory.
package bind
