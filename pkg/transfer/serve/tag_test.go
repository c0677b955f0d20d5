package serve_test

import (
	"bytes"
	"net/http"
	"net/netip"
	"testing"
)

// TestTag checks that no two offers have the same strong ETag, so that none of it goes on with other content, and that a client that
// was cut goes on with its own.
func TestTag(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	from := netip.MustParseAddr("127.0.0.1")
	one, other := content(1000), bytes.Repeat([]byte("x"), 1000)
	first, _ := d.offer(one)
	second, _ := d.offer(other)
	tag := func(path string) string {
		a, _, err := d.ask(from, http.MethodGet, path)
		if err != nil {
			t.Fatal(err)
		}
		return a.header.Get("ETag")
	}
	firstTag, secondTag := tag(first.Path()), tag(second.Path())
	if firstTag == secondTag || len(firstTag) < 10 || firstTag[0] != '"' || tag(first.Path()) != firstTag {
		t.Errorf("%s and %s", firstTag, secondTag)
	}
	if a, got, err := d.ask(from, http.MethodGet, first.Path(), "Range", "bytes=400-", "If-Range", firstTag); err != nil || a.status != http.StatusPartialContent || !bytes.Equal(got, one[400:]) {
		t.Errorf("its own: %d, %v", a.status, err)
	}
	if a, got, err := d.ask(from, http.MethodGet, second.Path(), "Range", "bytes=400-", "If-Range", firstTag); err != nil || a.status != http.StatusOK || !bytes.Equal(got, other) {
		t.Errorf("of another: %d, %v", a.status, err)
	}
}
