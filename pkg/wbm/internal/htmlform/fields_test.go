package htmlform

import "testing"

// TestURLEncode checks that fields are encoded as browsers encode them, which Chromium was seen to do.
func TestURLEncode(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		page *Page
		text string
		want string
	}{
		{&Page{}, `ü "fw" &=+%41;*~!()'%2A-_.`, "x=%C3%BC+%22fw%22+%26%3D%2B%2541%3B*%7E%21%28%29%27%252A-_."},
		{&Page{latin: true}, "ü€", "x=%FC%26%238364%3B"},
		{&Page{}, "", "x="},
	} {
		if got := string(test.page.URLEncode([]Field{{Name: "x", Value: test.text}})); got != test.want {
			t.Errorf("%q is encoded as %s, want %s", test.text, got, test.want)
		}
	}
	if got := string((&Page{}).URLEncode([]Field{{Name: "a b", Value: "1"}, {Name: "c"}})); got != "a+b=1&c=" {
		t.Errorf("two fields are encoded as %s", got)
	}
}
