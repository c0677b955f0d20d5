package site

import (
	"strings"
	"testing"
)

// TestForms accepts digests and tokens of the server, and nothing that could be another file or subject.
func TestForms(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("0f", 32)
	for _, text := range []string{"", digest[1:], digest + "0", strings.ToUpper(digest), digest[:63] + "g", digest[:63] + "\n", "../" + digest[3:], digest[:63] + "."} {
		if isDigest(text) {
			t.Errorf("%q is no digest", text)
		}
	}
	for _, text := range []string{"", strings.Repeat("a", 65), ">", "*", "a.b", "a b", "a\n", "é", "../a", ".a", "a.", "a>b"} {
		if isNUID(text) {
			t.Errorf("%q is no token", text)
		}
	}
	if !isDigest(digest) || !isNUID("aZ09") || !isNUID(strings.Repeat("z", 64)) {
		t.Error("a right form is refused")
	}
}
