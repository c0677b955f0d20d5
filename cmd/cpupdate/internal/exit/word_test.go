package exit

import "testing"

func TestWord(t *testing.T) {
	for _, test := range []struct{ name, want, windows string }{
		{"site.csv", "site.csv", "site.csv"},
		{"/srv/a-b_c/x=1.csv", "/srv/a-b_c/x=1.csv", "/srv/a-b_c/x=1.csv"},
		{"Süd.csv", "Süd.csv", "Süd.csv"},
		{"Telefone Süd.csv", "'Telefone Süd.csv'", `"Telefone Süd.csv"`},
		{`C:\a\b.csv`, `'C:\a\b.csv'`, `C:\a\b.csv`},
		{"it's.csv", `'it'\''s.csv'`, `"it's.csv"`},
		{"$(x).csv", "'$(x).csv'", "\"`$(x).csv\""},
		{"$$HOME.csv", "'$$HOME.csv'", "\"`$`$HOME.csv\""},
		{"a`b.csv", "'a`b.csv'", "\"a``b.csv\""},
		{"“a” b.csv", "'“a” b.csv'", "\"`“a`” b.csv\""},
		{`\\server\c$\my phones.csv`, `'\\server\c$\my phones.csv'`, `"\\server\c$\my phones.csv"`},
		{`C:\my phones\`, `'C:\my phones\'`, `"C:\my phones\\"`},
		{`C:\phones\`, `'C:\phones\'`, `C:\phones\`},
		{`say "a"`, `'say "a"'`, `"say ""a"""`},
		{"a\xff$", "'a\xff$'", "\"a\ufffd$\""},
		{"@site.csv", "@site.csv", `"@site.csv"`},
		{"OpenStage 40,OpenStage 60", "'OpenStage 40,OpenStage 60'", `"OpenStage 40,OpenStage 60"`},
		{"a;b", "'a;b'", `"a;b"`},
		{"", "''", `""`},
	} {
		if got := wordFor("linux", test.name); got != test.want {
			t.Errorf("%q: %s, want %s", test.name, got, test.want)
		}
		if got := wordFor("windows", test.name); got != test.windows {
			t.Errorf("%q on Windows: %s, want %s", test.name, got, test.windows)
		}
	}
	if Word("a") != "a" {
		t.Error("a plain word is quoted")
	}
}
