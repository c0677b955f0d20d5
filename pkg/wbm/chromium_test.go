package wbm_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/browser"
)

// A chromium is a browser, and what its page did.
type chromium struct {
	*browser.Browser
	t     *testing.T
	loads int // pages that are there
}

// newChromium starts a browser.
func newChromium(t *testing.T) *chromium {
	t.Helper()
	c := &chromium{t: t}
	c.Browser = browser.Start(t, "Page")
	c.Event = func(m browser.Message) {
		if m.Method == "Page.loadEventFired" {
			c.loads++
		}
	}
	return c
}

// loaded waits until a page is there, after something was done that leads to one.
func (c *chromium) loaded(do func()) {
	c.t.Helper()
	before := c.loads
	do()
	for c.loads == before {
		c.Read()
	}
}

// open goes to an address.
func (c *chromium) open(url string) {
	c.t.Helper()
	c.loaded(func() {
		var result struct {
			Problem string `json:"errorText"`
		}
		if c.Call(&result, "Page.navigate", map[string]any{"url": url}); result.Problem != "" {
			c.t.Fatalf("%s: %s", url, result.Problem)
		}
	})
}

// A remote is a value in the page.
type remote struct {
	Result struct {
		Value  json.RawMessage `json:"value"`
		Object string          `json:"objectId"`
	} `json:"result"`
	Problem *struct {
		Text      string `json:"text"`
		Exception struct {
			Description string `json:"description"`
		} `json:"exception"`
	} `json:"exceptionDetails"`
}

// eval computes something in the page. It is used to look, and to find the place of what a hand would find.
func (c *chromium) eval(expression string, byValue bool) remote {
	c.t.Helper()
	var r remote
	c.Call(&r, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": byValue})
	if r.Problem != nil {
		c.t.Fatalf("%s: %s %s", expression, r.Problem.Text, r.Problem.Exception.Description)
	}
	return r
}

// text is the text of an element.
func (c *chromium) text(selector string) string {
	c.t.Helper()
	var text string
	noProblem(c.t, json.Unmarshal(c.eval(fmt.Sprintf("(document.querySelector(%q) || {innerText: ''}).innerText", selector), true).Result.Value, &text))
	return text
}

// click clicks at the middle of the element that an expression finds.
func (c *chromium) click(expression string) {
	c.t.Helper()
	var at struct{ X, Y float64 }
	noProblem(c.t, json.Unmarshal(c.eval(`(() => { const e = `+expression+`; e.scrollIntoView({block: "center"});
const r = e.getBoundingClientRect(); return {X: r.x + r.width/2, Y: r.y + r.height/2}; })()`, true).Result.Value, &at))
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		c.Call(nil, "Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1})
	}
}

// enter types a text into the element with the focus, key by key.
func (c *chromium) enter(text string) {
	c.t.Helper()
	for _, key := range strings.Split(text, "") {
		c.Call(nil, "Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "text": key, "key": key})
		c.Call(nil, "Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key})
	}
}

// choose sets the file of a field for one.
func (c *chromium) choose(expression, file string) {
	c.t.Helper()
	object := c.eval(expression, false).Result.Object
	c.Call(nil, "DOM.setFileInputFiles", map[string]any{"files": []string{file}, "objectId": object})
}
