package transfer

import (
	"net/textproto"
	"testing"

	"github.com/jlaffaye/ftp"
)

// Only words that say so make a file absent.
func TestSaysAbsent(t *testing.T) {
	for text, want := range map[string]bool{
		"cp600.bind: No such file or directory":               true,
		"The system cannot find the file specified.":          true,
		"Das System kann die angegebene Datei nicht finden.":  true,
		"Sorry, but that file doesn't exist":                  true,
		"File not found":                                      true,
		"cp600.bind does not exist.":                          true,
		"Could not get file size.":                            false,
		"Permission denied.":                                  false,
		"File not found or access denied.":                    false,
		"File unavailable (e.g., file not found, no access)":  false,
		"No such file, or you have no permission":             false,
		"File unavailable.":                                   false,
		"The file may not exist.":                             false,
		"Zugriff verweigert, oder Datei nicht gefunden":       false,
		"'cp600.bind' cannot be listed":                       false,
		"Can't check for file existence":                      false,
		"Cannot create a file when that file already exists.": false,
		"/srv/my files/cp600.bind: no such file or directory": true,
		"CP600.BIND: not found":                               true,
		"Not found":                                           true,
		"SIZE: command not found":                             false,
		"SIZE not found":                                      false,
		"Command does not exist":                              false,
		"Handler for cp600.bind not found":                    false,
		"User not found":                                      false,
		"No such file type":                                   false,
		"Attribute not found for file cp600.bind":             false,
		"File not found in cache":                             false,
		"Files that do not exist and others are not told":     false,
		"": false,
	} {
		if got := saysAbsent(550, plainWords(text, "cp600.bind")); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	for code, text := range map[int]string{500: "File not found", 502: "No such file", 530: "No such file", 426: "No such file"} {
		if saysAbsent(code, text) {
			t.Errorf("%d %s: a reply about something else counts", code, text)
		}
	}
	if saysAbsent(550, plainWords("not found.bind: Could not get file size.", "not found.bind")) {
		t.Error("the file's own name counts")
	}
}

// The reason of a refusal is read from its words.
func TestReplyKind(t *testing.T) {
	for _, test := range []struct {
		code int
		text string
		kind Kind
	}{
		{550, "Cannot create a file when that file already exists.", KindExists},
		{550, "Eine Datei kann nicht erstellt werden, wenn sie bereits vorhanden ist.", KindExists},
		{553, "File exists", KindExists},
		{451, "Rename/move failure: File exists", KindExists},
		{550, "Access is denied.", KindDenied},
		{550, "Zugriff verweigert", KindDenied},
		{553, "Can't rename file.", KindDenied},
		{451, "Rename/move failure: Operation not permitted", KindDenied},
		{550, "x.part: Forbidden filename", KindName},
		{553, "Prohibited file name: x.part", KindName},
		{550, "x: File name too long", KindName},
		{550, "The filename, directory name, or volume label syntax is incorrect.", KindName},
		{550, "The process cannot access the file because it is being used by another process.", KindBusy},
		{550, "Der Prozess kann nicht auf die Datei zugreifen, da sie von einem anderen Prozess verwendet wird.", KindBusy},
		{553, "Sharing violation", KindBusy},
		{550, "x: Text file busy", KindBusy},
		{550, "Resource temporarily unavailable", KindBusy},
		{550, "The file does not exist", KindRefused},
		{552, "Quota exceeded.", KindFull},
		{550, "There is not enough space on the disk: disk full", KindFull},
		{226, "Transfer complete.", KindProtocol},
		{502, "Not implemented", KindRefused},
	} {
		if got := replyKind(OpRename, &textproto.Error{Code: test.code, Msg: test.text}); got != test.kind {
			t.Errorf("%d %s: %s, want %s", test.code, test.text, got, test.kind)
		}
	}
}

// A listing makes a file absent only if it is whole and names nothing like it.
func TestListingLacks(t *testing.T) {
	const unix, dos = "-rw-r--r-- 1 ftp ftp 12 Jan 01 00:00 ", "01-02-26  03:04AM   12 "
	for _, test := range []struct {
		name  string
		lines []string
		lacks bool
	}{
		{"cp.bind", []string{unix + "other.bind"}, true},
		{"cp.bind", []string{unix + "old-cp.bind", unix + "cp.bind.12345678.part"}, true},
		{"cp.bind", []string{unix + "cp.bind"}, false},
		{"cp.bind", []string{dos + "CP.BIND"}, false},
		{"cp.bind", []string{"lrwxrwxrwx 1 ftp ftp 12 Jan 01 00:00 cp.bind -> other"}, false},
		{"cp.bind", []string{unix + "cp.bind*"}, false},
		{"cp.bind", []string{"./cp.bind"}, false},
		{"cp600-long.bind", []string{dos + "CP600-~1.BIN"}, false},
		{"cp600-long.bind", []string{dos + "CP600-~1"}, false},
		{"cp.bind", []string{"+i8388621.29609,m824255902,/,\tcp.bind"}, false},
		{".hidden", []string{unix + "other.bind"}, false},
		{"für.bind", []string{unix + "f?r.bind"}, false},
		{"für.bind", []string{unix + "f\xfcr.bind"}, false},
		{"für.bind", []string{unix + "other.bind"}, true},
	} {
		if got := (listing{lines: test.lines, whole: true}).lacks(test.name); got != test.lacks {
			t.Errorf("%s in %q: %v", test.name, test.lines, got)
		}
	}
	if (listing{lines: []string{unix + "other.bind"}}).lacks("cp.bind") {
		t.Error("a listing that was cut tells what is not there")
	}
}

// A listing whose lines are not understood tells nothing.
func TestListingUnderstood(t *testing.T) {
	one := []*ftp.Entry{{Name: "other.bind"}}
	for _, test := range []struct {
		l          listing
		understood bool
	}{
		{listing{}, true},
		{listing{lines: []string{"total 0"}}, true},
		{listing{lines: []string{"total 12", "other"}, entries: one}, true},
		{listing{lines: []string{"Sorry, no listing here."}}, false},
		{listing{lines: []string{"other", "access to more is denied"}, entries: one}, false},
		{listing{lines: []string{"- [RWCEAFMS] root 12 Jan 01 00:00 other.bind"}}, false},
	} {
		if got := test.l.understood(); got != test.understood {
			t.Errorf("%q: %v", test.l.lines, got)
		}
	}
}

// A passive mode is read as RFC 1123 and RFC 2428 have it.
func TestPassive(t *testing.T) {
	for text, want := range map[string]string{
		"Entering Passive Mode (10,1,2,3,4,5)":     "(10,1,2,3,4,5)",
		"Entering Passive Mode 10,1,2,3,4,5.":      "(10,1,2,3,4,5)",
		"=10,1,2,3,4,5":                            "(10,1,2,3,4,5)",
		"at 10.1.2.3 [10, 1, 2, 3, 4, 5] for 60 s": "(10,1,2,3,4,5)",
		"Entering Passive Mode (10,1,2,3,4,500)":   "Entering Passive Mode (10,1,2,3,4,500)",
		"Entering Passive Mode (10,1,2,3,4)":       "Entering Passive Mode (10,1,2,3,4)",
		"10,1,2,3,4,5,6":                           "10,1,2,3,4,5,6",
		"10,1,2,3,4,5 or 10,1,2,3,4,6":             "10,1,2,3,4,5 or 10,1,2,3,4,6",
	} {
		if got := passive(reply{227, []string{text}}, true); got.code != 227 || got.text() != want {
			t.Errorf("%q: %d %q", text, got.code, got.text())
		}
	}
	for text, want := range map[string]string{
		"Extended (|||5282|)":           "(|||5282|)",
		"Extended |||5282|":             "(|||5282|)",
		"Extended (!!!5282!)":           "(|||5282|)",
		"Extended (|1|127.0.0.1|5282|)": "(|||5282|)",
		"Extended (|2|::1|5282|)":       "(|||5282|)",
		"Extended Passive Mode":         "Extended Passive Mode",
		"Extended (|||x|)":              "Extended (|||x|)",
		"":                              "",
	} {
		if got := extendedPassive(reply{229, []string{text}}); got.text() != want {
			t.Errorf("%q: %q", text, got.text())
		}
	}
}
