// Package bind reads, verifies and writes firmware images ("binds") of OpenScape Desk Phone CP and OpenStage phones:
// what an image states about itself, where each value is, and whether the image is intact.
//
// It decides nothing about phones: package hwcheck decides whether an image is compatible with a phone.
//
// Three formats are known. CPB is this project's own documented format. OpenStage is a layout observed in public
// programs. Any other file can be described by a descriptor, a small TOML file beside the image. The byte layouts
// are in docs/bind-format.md.
//
// A header is read without the payload: [NewFile] reads at most 64 KiB and an OpenStage trailer of 296 bytes,
// whatever the image's size. [File.Verify] reads the payload, once, in constant memory.
package bind
