package tomledit

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// TestStoredEdit checks that everything else in the file stays as people wrote it, byte for byte.
func TestStoredEdit(t *testing.T) {
	const text = `# our sites
[defaults]   # the office
  method = "ftps"   # explicit
  port   = 21

  # who may sign
  pin = [
    "sha256:00", # the old one
  ]
# the end of the office

["profile".'a.b']
server='x'`
	change := func(do func(e *Edit) error) func(string) (string, error) {
		return func(before string) (string, error) {
			e, err := NewEdit([]byte(before), settingsForm())
			if err != nil {
				return "", err
			}
			if err := do(e); err != nil {
				return "", err
			}
			after, err := e.Result()
			return string(after), err
		}
	}
	set := func(table, key string, texts ...string) func(string) (string, error) {
		return change(func(e *Edit) error { return e.Set(table, key, texts) })
	}
	unset := func(table, key string) func(string) (string, error) {
		return change(func(e *Edit) error { return e.Unset(table, key) })
	}
	remove := func(table string) func(string) (string, error) {
		return change(func(e *Edit) error { return e.Remove(table) })
	}
	pins := text[strings.Index(text, "["+"\n    \"sha"):strings.Index(text, "\n# the end")]
	for _, test := range []struct {
		name string
		do   func(string) (string, error)
		old  string // in text, "" for its end
		new  string
	}{
		{"a text", set("", "method", "ftp"), `"ftps"`, `"ftp"`},
		{"the same text", set("", "method", "ftps"), `"ftps"`, `"ftps"`},
		{"a number", set("", "port", "2121"), `21`, `2121`},
		{"a list", set("", "pin", "b", "c"), pins, `["b", "c"]`},
		{"a new key", set("", "path", `C:\x`), "  ]\n", "  ]\n  path = 'C:\\x'\n"},
		{"a key in the last line", set("a.b", "server", `"y"`), `'x'`, `"\"y\""`},
		{"a new key after the last line", set("a.b", "path", "é\u202e'\\"), "", "\npath = \"é\\u202e'\\\\\"\n"},
		{"a new table", set("c", "hw-level", "3"), "", "\n\n[profile.c]\nhw-level = 3\n"},
		{"a new table with a dot", set("c.d", "hw-level", "3"), "", "\n\n[profile.\"c.d\"]\nhw-level = 3\n"},
		{"unset", unset("", "method"), "  method = \"ftps\"   # explicit\n", ""},
		{"unset a list", unset("", "pin"), "  pin = " + pins + "\n", ""},
		{"unset the last", unset("a.b", "server"), "server='x'", ""},
		{"unset what is not there", unset("a.b", "path"), "", ""},
		{"remove", remove(""), text[strings.Index(text, "[def"):strings.Index(text, "# the end")], ""},
		{"remove the last", remove("a.b"), "\n[\"profile\".'a.b']\nserver='x'", ""},
		{"remove what is not there", remove("z"), "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := text + test.new
			if test.old != "" {
				want = strings.Replace(text, test.old, test.new, 1)
			}
			for _, newline := range []string{"\n", "\r\n"} {
				got, err := test.do(strings.ReplaceAll(text, "\n", newline))
				if want := strings.ReplaceAll(want, "\n", newline); err != nil || got != want {
					t.Errorf("got %q, %v\nwant %q", got, err, want)
				}
			}
		})
	}
}

func TestStoredEditFromNothing(t *testing.T) {
	e, err := NewEdit(nil, settingsForm())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Set("berlin", "server", []string{"x"}); err != nil {
		t.Fatal(err)
	}
	if err := e.Table(""); err != nil {
		t.Fatal(err)
	}
	got, err := e.Result()
	if want := "[profile.berlin]\nserver = \"x\"\n\n[defaults]\n"; string(got) != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestParseStoredErrors checks that errors name their place.
func TestParseStoredErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"server = \"x\"", `line 1, column 1: the key "server" belongs to no table`},
		{"defaults.server = \"x\"", `line 1, column 1: the key "defaults" belongs to no table`},
		{"[defaults]\nsever = \"x\"", `line 2, column 1: unknown key "sever"`},
		{"[defaults]\n  server.name = \"x\"", `line 2, column 3: unknown key "server"`},
		{"[defaults]\npassword = \"x\"", `line 2, column 1: unknown key "password"`},
		{"[default]", `line 1, column 2: unknown table "default"`},
		{"[profile]", `line 1, column 2: unknown table "profile"`},
		{"[profile.a.b]", "line 1, column 2: a table in a profile, or a profile's name with dots"},
		{"[profile.\"a b\"]", `line 1, column 2: invalid profile name "a b"`},
		{"[[defaults]]", "line 1, column 3: a table in double brackets"},
		{"[defaults]\n[profile.a]\n[defaults]", "line 3, column 2: this table exists already, in line 1"},
		{"[defaults]\nport=1\nport=2", "line 3, column 1: the key port exists already, in line 2"},
		{"[defaults]\nport=\"1\"", "line 2, column 1: port must be a number without quotes"},
		{"[defaults]\nserver=1", "line 2, column 1: server must be a text in quotes"},
		{"[defaults]\npin=\"x\"", `line 2, column 1: pin must be a list of texts, as in ["..."]`},
		{"[defaults]\npin=[1]", "line 2, column 1: pin must be a list of texts"},
		{"[defaults]\npin=[[]]", "line 2, column 1: pin must be a list of texts"},
		{"[defaults]\npin=[]", "line 2, column 1: pin must list 1 to 64 texts"},
		{"[defaults]\nserver = x", "line 2, column 10: unexpected character U+0078 'x' at start of value"},
		{"[defaults\n", "line 1, column 10: expected ']' to close table name"},
		{"[defaults]\nserver = \"\xff\"", "line 2, column 11: invalid UTF-8 character in basic string"},
		{strings.Repeat("[", 5000), "contains 5000 opening brackets, at most 4096 are allowed"},
		{strings.Repeat("#", 70000), "has more than 65536 bytes"},
	} {
		_, err := Parse([]byte(test.text), settingsForm())
		if err == nil || err.Error() != test.want {
			t.Errorf("%.40q: got %v, want %s", test.text, err, test.want)
		}
	}
	for _, text := range []string{"canary", "[canary]", "[profile.canary.x]", "[defaults]\ncanary = 1", "[defaults]\npassword = canary", "[profile.\"canary \"]", "password = \"canary"} {
		if _, err := Parse([]byte(text), passwordForm()); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q in the file of passwords: %v", text, err)
		}
	}
}

// FuzzStoredEdit changes any readable file, and compares what another parser reads before and after. All changes must
// be in the lines of the key.
func FuzzStoredEdit(f *testing.F) {
	f.Add([]byte("[defaults]\nserver = 'x' # y\n"), "", uint8(1), "z", uint8(0))
	f.Add([]byte("# a\r\n[profile.a]\r\npin = [\r\n\"b\", # c\r\n]\r\n\r\n[defaults]"), "a", uint8(8), "d", uint8(1))
	f.Add([]byte("[profile.'a.b']\n\tport=21"), "a.b", uint8(2), "2121", uint8(0))
	f.Add([]byte("[defaults]\n\n[profile.\"x\"]\nserver = \"\"\"\na\"\"\"\n\n"), "x", uint8(0), "\\\"'\u202e", uint8(2))
	f.Add([]byte(""), "x", uint8(3), "", uint8(0))
	f.Fuzz(func(t *testing.T, text []byte, table string, index uint8, value string, what uint8) {
		form := settingsForm()
		key := form.Keys[int(index)%len(form.Keys)]
		e, err := NewEdit(bytes.Clone(text), form)
		if err != nil || table != "" && !ValidName(table) || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return
		}
		var there map[string]any
		if err := toml.Unmarshal(text, &there); err != nil {
			t.Fatalf("%q is read by us only: %v", text, err)
		}
		from, to := len(text), len(text)
		if old := Find(e.Tables, table); old != nil && what%3 == 2 {
			from, to = old.Start-2, old.End
		} else if old != nil && old.Find(key.Name) != nil {
			w := walk{text: text}
			from, to = w.lineOf(old.Find(key.Name).Start, old.Find(key.Name).End)
		} else if old != nil {
			from, to = old.End, old.End
		}
		values := intend(t, there, e, table, key, value, what)
		if values == nil {
			return
		}
		after, err := e.Result()
		if err != nil {
			t.Fatalf("%q: %v", e.text, err)
		}
		var got map[string]any
		if err := toml.Unmarshal(after, &got); err != nil {
			t.Fatalf("%q became %q: %v", text, after, err)
		}
		if got == nil {
			got = map[string]any{}
		}
		if !reflect.DeepEqual(got, values) {
			t.Fatalf("%q became %q: %v, want %v", text, after, got, values)
		}
		if !bytes.HasPrefix(after, text[:max(from, 0)]) || !bytes.HasSuffix(after, text[to:]) {
			t.Fatalf("%q became %q: more changed than bytes %d to %d", text, after, from, to)
		}
	})
}

// intend makes the change in the file, and in what the other parser found in it.
func intend(t *testing.T, there map[string]any, e *Edit, table string, key Key, value string, what uint8) map[string]any {
	if there == nil {
		there = map[string]any{}
	}
	parent, name := there, "defaults"
	if table != "" {
		if there["profile"] == nil {
			there["profile"] = map[string]any{}
		}
		parent, name = there["profile"].(map[string]any), table
	}
	var err error
	switch values, _ := parent[name].(map[string]any); what % 3 {
	case 0:
		var want any = value
		switch key.Kind {
		case unstable.Integer:
			value, want = "7", int64(7)
		case unstable.Array:
			want = []any{value, "x"}
			err = e.Set(table, key.Name, []string{value, "x"})
		}
		if key.Kind != unstable.Array {
			err = e.Set(table, key.Name, []string{value})
		}
		if values == nil {
			values = map[string]any{}
			parent[name] = values
		}
		values[key.Name] = want
	case 1:
		err = e.Unset(table, key.Name)
		delete(values, key.Name)
	case 2:
		err = e.Remove(table)
		delete(parent, name)
	}
	if profiles, _ := there["profile"].(map[string]any); profiles != nil && len(profiles) == 0 {
		delete(there, "profile")
	}
	if err != nil && strings.Contains(err.Error(), "has more than") {
		return nil // too long now
	}
	if err != nil {
		t.Fatal(err)
	}
	return there
}

// settingsForm is a form with a key of each kind.
func settingsForm() Form {
	return Form{Keys: []Key{
		{"method", unstable.String},
		{"server", unstable.String},
		{"port", unstable.Integer},
		{"username", unstable.String},
		{"path", unstable.String},
		{"ca", unstable.String},
		{"pin", unstable.Array},
		{"hw-level", unstable.Integer},
		{"model", unstable.String},
	}}
}

// passwordForm is a form whose errors repeat nothing of the file.
func passwordForm() Form {
	return Form{Keys: []Key{{"keyring", unstable.Bool}, {"password", unstable.String}, {"server", unstable.String}}, Secret: true}
}
