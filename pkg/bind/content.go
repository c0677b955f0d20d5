package bind

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// contentBytes is how many bytes [ContentOf] looks at: an ISO 9660 image is recognised by its 33rd KiB.
const contentBytes = 36 << 10

// A Content is what a file in no known format looks like by its first bytes. The zero Content is unknown, as firmware
// without a known header is.
type Content struct {
	Name       string // such as "a ZIP archive"
	MayBeImage bool   // phones may take it as it is, such as a tar archive
}

// TextFile is the name of the [Content] of text of no known kind.
const TextFile = "a text file"

// A ForeignError is returned for a file without a descriptor that looks like something else than an image. It wraps
// [ErrNotBind].
type ForeignError struct{ Content Content }

func (e *ForeignError) Error() string {
	if e.Content.MayBeImage {
		return fmt.Sprintf("not a bind: the file is %s, and has no descriptor beside it", e.Content.Name)
	}
	return fmt.Sprintf("not a bind: the file is %s", e.Content.Name)
}

// Unwrap returns [ErrNotBind].
func (e *ForeignError) Unwrap() error { return ErrNotBind }

// notBind returns the error for a file in no known format.
func notBind(r io.ReaderAt) error {
	c, err := ReadContent(r)
	switch {
	case err != nil:
		return err
	case c.Name != "":
		return &ForeignError{c}
	}
	return ErrNotBind
}

// ReadContent reads the beginning of a file, and returns what [ContentOf] makes of it.
func ReadContent(r io.ReaderAt) (Content, error) {
	front, err := readFront(r, contentBytes)
	return ContentOf(front), err
}

// A magic is a sequence of bytes by which a kind of file is recognised.
type magic struct {
	offset  int
	bytes   string
	content Content
}

func magics() []magic {
	archive := func(name string) Content { return Content{name, true} }
	foreign := func(name string) Content { return Content{Name: name} }
	return []magic{
		{0, "PK\x03\x04", foreign("a ZIP archive")},
		{0, "PK\x05\x06", foreign("an empty ZIP archive")},
		{0, "PK\x07\x08", foreign("a part of a ZIP archive")},
		{0, "Rar!\x1a\x07", foreign("a RAR archive")},
		{0, "7z\xbc\xaf\x27\x1c", foreign("a 7-Zip archive")},
		{0, "MSCF\x00\x00\x00\x00", foreign("a Windows cabinet archive")},
		{0, "!<arch>\n", foreign("a Linux package or library")},
		{0, "\xed\xab\xee\xdb", foreign("a Linux package (RPM)")},
		{32769, "CD001", foreign("a CD image (ISO 9660)")},
		{0, "\x1f\x8b\x08", archive("a gzip archive")},
		{0, "BZh", archive("a bzip2 archive")},
		{0, "\xfd7zXZ\x00", archive("an xz archive")},
		{0, "\x28\xb5\x2f\xfd", archive("a Zstandard archive")},
		{257, "ustar", archive("a tar archive")},
		{0, "070701", archive("a cpio archive")},
		{0, "MZ\x90\x00", foreign("a Windows program")},
		{0, "\x7fELF", foreign("a Linux program (ELF)")},
		{0, "\xcf\xfa\xed\xfe", foreign("a macOS program")},
		{0, "\xca\xfe\xba\xbe", foreign("a Java class or macOS program")},
		{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", foreign("an old Microsoft Office document or a Windows installer")},
		{0, "L\x00\x00\x00\x01\x14\x02\x00", foreign("a Windows shortcut")},
		{0, "[InternetShortcut]", foreign("a shortcut to a web page")},
		{0, "\x89PNG\r\n\x1a\n", foreign("a picture (PNG)")},
		{0, "\xff\xd8\xff", foreign("a picture (JPEG)")},
		{0, "GIF87a", foreign("a picture (GIF)")},
		{0, "GIF89a", foreign("a picture (GIF)")},
		{0, "II*\x00", foreign("a picture (TIFF)")},
		{0, "MM\x00*", foreign("a picture (TIFF)")},
		{8, "WEBPVP8", foreign("a picture (WebP)")},
		{8, "WAVEfmt ", foreign("a sound file (WAV)")},
		{4, "ftyp", foreign("a film or sound file (MP4)")},
		{0, "OggS\x00", foreign("a sound file (Ogg)")},
		{0, "ID3", foreign("a sound file (MP3)")},
		{0, "fLaC", foreign("a sound file (FLAC)")},
		{0, "%!PS", foreign("a PostScript document")},
		{0, "{\\rtf", foreign("a text document (RTF)")},
		{0, "\x00\x05\x16\x07", foreign("a macOS file with attributes of another file (._NAME)")},
		{0, "bplist00", foreign("a macOS property list")},
		{0, "SQLite format 3\x00", foreign("a database (SQLite)")},
		{0, "-----BEGIN ", foreign("a certificate or key (PEM)")},
		{0, "version https://git-lfs.github.com/spec/", foreign("a Git LFS pointer, not the file that it stands for")},
		{0, "/annex/objects/", foreign("a git-annex pointer, not the file that it stands for")},
		{0, "HTTP/1.", foreign("the answer of a web server with its header")},
	}
}

// ContentOf recognises a file of another kind by its first bytes, 36 KiB or all of it.
func ContentOf(front []byte) Content {
	for _, m := range magics() {
		if len(front) >= m.offset && bytes.HasPrefix(front[m.offset:], []byte(m.bytes)) {
			if c := m.content; c.Name != "a ZIP archive" {
				return c
			}
			return zipContent(front)
		}
	}
	switch {
	case isProgram(front):
		return Content{Name: "a Windows program"}
	case isBitmap(front):
		return Content{Name: "a picture (BMP)"}
	case bytes.Contains(front[:min(len(front), 1024)], []byte("%PDF-")):
		return Content{Name: "a PDF document"}
	}
	return textContent(front)
}

// zipContent names the documents that are ZIP archives.
func zipContent(front []byte) Content {
	name := "a ZIP archive"
	switch has := func(s string) bool { return bytes.Contains(front, []byte(s)) }; {
	case has("mimetypeapplication/vnd.oasis.opendocument"):
		name = "an OpenDocument document"
	case has("[Content_Types].xml"), has("xl/"), has("word/"), has("ppt/"):
		name = "a Microsoft Office document"
	}
	return Content{Name: name}
}

// isProgram reports whether a file has the header of a Windows program, to which its DOS header points.
func isProgram(front []byte) bool {
	if len(front) < 64 || string(front[:2]) != "MZ" {
		return false
	}
	at := int64(binary.LittleEndian.Uint32(front[60:]))
	return at+4 <= int64(len(front)) && string(front[at:at+4]) == "PE\x00\x00"
}

// isBitmap reports whether a file has the header of a Windows bitmap: two zero fields, and a second header of a known size.
func isBitmap(front []byte) bool {
	return len(front) >= 18 && string(front[:2]) == "BM" && binary.LittleEndian.Uint32(front[6:]) == 0 &&
		slices.Contains([]uint32{12, 40, 52, 56, 64, 108, 124}, binary.LittleEndian.Uint32(front[14:]))
}

// textContent recognises files of text, in UTF-8 or UTF-16, by how they begin.
func textContent(front []byte) Content {
	text := string(front[:min(len(front), 1024)])
	if plain := fromUTF16([]byte(text)); plain != nil {
		text = string(plain)
	}
	text = strings.ToLower(strings.TrimLeft(strings.TrimPrefix(text, "\ufeff"), " \t\r\n"))
	for _, kind := range []struct{ pattern, name string }{
		{`^(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|script|title|meta)\b`, "a web page (HTML)"},
		{`^(<\?xml\s.*?\?>\s*)(<!--.*?-->\s*)*<(!doctype\s+)?html\b`, "a web page (HTML)"},
		{`^<\?xml\s`, "an XML document"},
		{`^<!--`, "a web page (HTML)"},
		{`^(\{\s*("|\}\s*$)|\[\s*([{\["\]]|-?\d+\s*,))`, "a JSON document"},
		{`^#!\s*/`, "a script"},
	} {
		if regexp.MustCompile(`(?s)` + kind.pattern).MatchString(text) {
			return Content{Name: kind.name}
		}
	}
	wide := fromUTF16(front)
	if isText(front) || isText(wide) && !bytes.ContainsAny(wide, "\ufffd\uffff") { // no characters, as erased flash memory has
		return Content{TextFile, len(front) >= contentBytes || isHex(front)} // long, or an image in hexadecimal digits
	}
	return Content{}
}

// isHex reports whether text consists of hexadecimal digits and what stands between them in formats for firmware: Intel HEX,
// Motorola S-records, lists of bytes.
func isHex(text []byte) bool {
	return regexp.MustCompile(`^[0-9A-Fa-fsSxX:,\s]+$`).Match(text) && regexp.MustCompile(`[0-9A-Fa-f]{2}`).Match(text)
}

// fromUTF16 returns text in UTF-16 with a byte order mark as UTF-8, and nil if it is none. The last character may be cut.
func fromUTF16(front []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(front, []byte("\xfe\xff")):
		order = binary.BigEndian
	case !bytes.HasPrefix(front, []byte("\xff\xfe")):
		return nil
	}
	var units []uint16
	for front = front[2:]; len(front) >= 2; front = front[2:] {
		units = append(units, order.Uint16(front))
	}
	if last := len(units) - 1; last >= 0 && utf16.IsSurrogate(rune(units[last])) {
		units = units[:last]
	}
	return []byte(string(utf16.Decode(units)))
}

// windowsLetters are those bytes below 0xa0 that texts have in windows-1252: quotation marks, dashes, the euro sign.
const windowsLetters = "\x80\x82\x84\x85\x91\x92\x93\x94\x95\x96\x97"

// isText reports whether a file begins with text in UTF-8, or a short one is text in an encoding that has a byte for each letter.
// The last character of UTF-8 may be cut.
func isText(front []byte) bool {
	text, letters := len(front) > 0, 0
	if len(front) < contentBytes {
		letters = len(front) / 4 // not of ASCII, at most
	}
	for len(front) > 0 {
		r, size := utf8.DecodeRune(front)
		if r == utf8.RuneError && size <= 1 {
			if len(front) < utf8.UTFMax && !utf8.FullRune(front) {
				return true
			}
			if letters--; letters < 0 || front[0] < 0xa0 && !strings.Contains(windowsLetters, string(front[:1])) {
				return false
			}
		}
		if unicode.IsControl(r) && !unicode.IsSpace(r) {
			return false
		}
		front = front[size:]
	}
	return text
}
