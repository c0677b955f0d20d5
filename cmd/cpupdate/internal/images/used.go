package images

import "fmt"

// A UsedDoc names the image and the tool of a run, in the JSON lines that end a phone or the run. Digests are those that are
// known without reading the image once more.
type UsedDoc struct {
	Image usedImage `json:"image"`
	Tool  string    `json:"tool_version"`
}

type usedImage struct {
	File          string `json:"file"`
	SoftwareType  string `json:"software_type"`
	Version       string `json:"software_version"`
	SHA256        string `json:"sha256,omitempty"`         // of the whole file
	PayloadSHA256 string `json:"payload_sha256,omitempty"` // as the header states it
}

// Used returns what names the image in a run of this version of cpupdate; nil without an image.
func (im *Image) Used(tool string) *UsedDoc {
	if im == nil {
		return nil
	}
	f := im.Facts
	doc := &UsedDoc{usedImage{File: DisplayName(im.Name), SoftwareType: f.SoftwareType.Value}, tool}
	if f.Version.Known() {
		doc.Image.Version = f.Version.Value.String()
	}
	if sum := f.Integrity.SHA256; sum != nil {
		doc.Image.SHA256 = fmt.Sprintf("%x", *sum)
	}
	if f.PayloadSHA256.Known() {
		doc.Image.PayloadSHA256 = fmt.Sprintf("%x", f.PayloadSHA256.Value)
	}
	return doc
}
