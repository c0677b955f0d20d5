package report_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/browser"
)

// A chromium is a browser for pages that are files.
type chromium struct {
	*browser.Tab
	t *testing.T
}

// newChromium starts a browser.
func newChromium(t *testing.T) *chromium {
	t.Helper()
	return &chromium{browser.StartTab(t), t}
}

// open opens a file, and fails on any error and on any request but for the file itself.
func (c *chromium) open(path string) {
	c.t.Helper()
	c.Open("file://" + filepath.ToSlash(path))
	c.quiet()
}

// quiet fails if the page reported an error, or asked for more than itself.
func (c *chromium) quiet() {
	c.t.Helper()
	if len(c.Problems) > 0 {
		c.t.Errorf("the page has errors: %s", strings.Join(c.Problems, "\n"))
	}
	if len(c.Requests) != 1 || !strings.HasPrefix(c.Requests[0], "file://") {
		c.t.Errorf("the page asked for %q", c.Requests)
	}
}
