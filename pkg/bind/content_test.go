package bind_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// foreignFiles returns the beginnings of files of other kinds, by what they are called.
func foreignFiles() map[string][]string {
	program := "MZ\x00\x01" + strings.Repeat("\x00", 56) + "\x80\x00\x00\x00" + strings.Repeat("\x00", 64) + "PE\x00\x00L"
	return map[string][]string{
		"a ZIP archive":               {"PK\x03\x04\x14\x00\x00\x00cp600.bind"},
		"an empty ZIP archive":        {"PK\x05\x06" + strings.Repeat("\x00", 18)},
		"a Microsoft Office document": {"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml", "PK\x03\x04\x14\x00xl/workbook.xml"},
		"an OpenDocument document":    {"PK\x03\x04\x14\x00mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK"},
		"an old Microsoft Office":     {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00"},
		"a RAR archive":               {"Rar!\x1a\x07\x01\x00"},
		"a 7-Zip archive":             {"7z\xbc\xaf\x27\x1c\x00\x04"},
		"a Windows program":           {"MZ\x90\x00\x03\x00\x00\x00", program},
		"a Linux program (ELF)":       {"\x7fELF\x02\x01\x01"},
		"a Windows shortcut":          {"L\x00\x00\x00\x01\x14\x02\x00"},
		"a PDF document":              {"%PDF-1.7\n", "\r\n\r\n%PDF-1.4"},
		"a picture (PNG)":             {"\x89PNG\r\n\x1a\n\x00"},
		"a picture (JPEG)":            {"\xff\xd8\xff\xe0\x00\x10JFIF"},
		"a picture (BMP)":             {"BM\x36\x00\x0c\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00"},
		"a macOS file":                {"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "},
		"a macOS property list":       {"bplist00\xd1"},
		"a CD image":                  {strings.Repeat("\x00", 32768) + "\x01CD001\x01"},
		"a Git LFS pointer":           {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"},
		"a certificate or key":        {"-----BEGIN CERTIFICATE-----\nMIIB"},
		"the answer of a web server":  {"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n"},
		"a script":                    {"#!/bin/sh\nexit 0\n"},
		"an XML document":             {"<?xml version=\"1.0\"?>\n<error/>", "\ufeff<?xml version='1.0'?><r/>"},
		"a JSON document":             {`{"error":"not found"}`, "{\n  \"a\": 1}", "[]", "[1, 2]", "[{\"a\":1}]", "{}", "\ufeff[\"a\"]"},
		"a sound file":                {"RIFF\x24\x00\x00\x00WAVEfmt ", "ID3\x04\x00"},
		"a web page (HTML)": {
			"<!DOCTYPE html>\n<html>", "<html>", "\ufeff \r\n<HTML lang=de>", "<!-- login -->\n<html><head>", "<head><title>Log in", "<!doctype HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\">",
			"<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC \"x\"><html>", "<script>location='/login'</script>", "\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00", "<body onload=x>",
		},
	}
}

// TestContentOf checks that files of other kinds are named, and firmware is not.
func TestContentOf(t *testing.T) {
	t.Parallel()
	for name, fronts := range foreignFiles() {
		for _, front := range fronts {
			if c := bind.ContentOf([]byte(front)); !strings.HasPrefix(c.Name, name) || c.MayBeImage {
				t.Errorf("%.40q: got %+v, want %s", front, c, name)
			}
		}
	}
	for name, front := range map[string]string{
		"words": "Please find the firmware on the share.\n", "a table": "address,hw_level\n192.0.2.1,3\n", "no line break": "x", "German, windows-1252": "Ger\xe4te im S\xfcden: \x84alle\x93\r\n",
		"German, UTF-8": "Geräte im Süden\n", "UTF-16, as Notepad writes it": "\xff\xfeG\x00e\x00r\x00\xe4\x00t\x00", "Russian, UTF-16": "\xff\xfe\x1f\x04@\x04>\x04", "Chinese, UTF-16, the last character cut": "\xfe\xff\x56\xfa\x4e\xf6\xd8\x3d", "UTF-16, the other way round": "\xfe\xff\x00G\x00e\x00r", "a byte order mark": "\ufefftext",
		"a key = value": "version = 1\n", "cut in the middle of a letter": "Ger\xc3", "digits and one word": "00 11 22 end\n", "35 KiB": strings.Repeat("words ", 35<<10/6),
	} {
		if c := bind.ContentOf([]byte(front)); c.Name != bind.TextFile || c.MayBeImage {
			t.Errorf("%s: got %+v, want a text file, which is no image", name, c)
		}
	}
	for name, front := range map[string]string{
		"S-records": "S00600004844521B\r\nS9030000FC\r\n", "bytes": "0x1f, 0x8b, 0x08\n", "digits": strings.Repeat("0A", 9), "a long text": strings.Repeat("words ", 36<<10/6),
	} {
		if c := bind.ContentOf([]byte(front)); c.Name != bind.TextFile || !c.MayBeImage {
			t.Errorf("%s: got %+v, want a text file, which may be an image", name, c)
		}
	}
	tar := strings.Repeat("\x01", 257) + "ustar\x0000"
	for name, front := range map[string]string{
		"a gzip archive": "\x1f\x8b\x08\x00\x01\x02", "an xz archive": "\xfd7zXZ\x00\x00\x04", "a bzip2 archive": "BZh91AY&SY", "a tar archive": tar,
		"a Zstandard archive": "\x28\xb5\x2f\xfd\x04", "a cpio archive": "0707010000", "a text file": ":10010000214601360121470136007EFE09D2190140\r\n",
	} {
		if c := bind.ContentOf([]byte(front)); c.Name != name || !c.MayBeImage {
			t.Errorf("%.40q: got %+v, want %s, which may be an image", front, c, name)
		}
	}
	for _, front := range []string{
		"", "\x00\x00\x00\x00", "MZ\x00\x01\x02\x03", "PK\x01\x02\x00", "{\x00\x01\x02", "[\x00\x10", "BM\x00\x00\x01", "<\x00\x01", "\x27\x05\x19\x56uImage\x00", "hsqs\x07\x00\x00",
		"MZ" + strings.Repeat("\xff", 62), strings.Repeat("\xff", 40000), "<htmlx\x00", "ustar\x00", "text\x00more",
	} {
		if c := bind.ContentOf([]byte(front)); c.Name != "" {
			t.Errorf("%.40q: got %+v, want nothing known", front, c)
		}
	}
}

// TestForeignFile checks that the error for a file without a descriptor names what it is.
func TestForeignFile(t *testing.T) {
	t.Parallel()
	for name, fronts := range foreignFiles() {
		content := []byte(fronts[0])
		_, err := bind.NewFile(bytes.NewReader(content), int64(len(content)))
		_, streamErr := bind.NewStream(bytes.NewReader(content))
		for _, err := range []error{err, streamErr} {
			foreign := (*bind.ForeignError)(nil)
			if !errors.Is(err, bind.ErrNotBind) || !errors.As(err, &foreign) || !strings.HasPrefix(err.Error(), "not a bind: the file is "+name) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
}
