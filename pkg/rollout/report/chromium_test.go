package report_test

import (
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/browser"
)

// A chromium is a browser that notes what a page does.
type chromium struct {
	*browser.Browser
	t        *testing.T
	loads    int      // pages that are there
	problems []string // errors of the console, exceptions, and violations of the policy
	requests []string // addresses that were asked for
}

// newChromium starts a browser.
func newChromium(t *testing.T) *chromium {
	t.Helper()
	c := &chromium{t: t}
	c.Browser = browser.Start(t, "Page", "Network", "Log", "Runtime")
	c.Event = c.note
	return c
}

// note notes what the page did.
func (c *chromium) note(m browser.Message) {
	switch m.Method {
	case "Page.loadEventFired":
		c.loads++
	case "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded":
		c.problems = append(c.problems, string(m.Params))
	case "Network.requestWillBeSent":
		var sent struct {
			Request struct {
				URL string `json:"url"`
			} `json:"request"`
		}
		noError(c.t, json.Unmarshal(m.Params, &sent))
		c.requests = append(c.requests, sent.Request.URL)
	}
}

// open opens a file, and fails on any error and on any request but for the file itself.
func (c *chromium) open(path string) {
	c.t.Helper()
	c.problems, c.requests = nil, nil
	before := c.loads
	c.Call(nil, "Page.navigate", map[string]any{"url": "file://" + filepath.ToSlash(path)})
	for c.loads == before {
		c.Read()
	}
	c.eval(`0`) // what the page does until now is told before the answer
	c.quiet()
}

// quiet fails if the page reported an error, or asked for more than itself.
func (c *chromium) quiet() {
	c.t.Helper()
	if len(c.problems) > 0 {
		c.t.Errorf("the page has errors: %s", strings.Join(c.problems, "\n"))
	}
	if len(c.requests) != 1 || !strings.HasPrefix(c.requests[0], "file://") {
		c.t.Errorf("the page asked for %q", c.requests)
	}
}

// eval computes something in the page.
func (c *chromium) eval(expression string) string {
	c.t.Helper()
	var r struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Problem json.RawMessage `json:"exceptionDetails"`
	}
	c.Call(&r, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true})
	if r.Problem != nil {
		c.t.Fatalf("%s: %s", expression, r.Problem)
	}
	var text string
	if json.Unmarshal(r.Result.Value, &text) == nil {
		return text
	}
	return string(r.Result.Value)
}

// press presses a key.
func (c *chromium) press(key string, code int) {
	c.t.Helper()
	params := map[string]any{"key": key, "code": key, "windowsVirtualKeyCode": code}
	if key == "Enter" {
		params["text"] = "\r"
	}
	for _, kind := range []string{"keyDown", "keyUp"} {
		params["type"] = kind
		c.Call(nil, "Input.dispatchKeyEvent", params)
	}
}

// screen sets what the page is shown on.
func (c *chromium) screen(width int, media, scheme string) {
	c.t.Helper()
	c.Call(nil, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false})
	c.Call(nil, "Emulation.setEmulatedMedia", map[string]any{"media": media, "features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}})
}

// picture takes a picture of the whole page, or of its beginning.
func (c *chromium) picture(height int) []byte {
	c.t.Helper()
	var shot struct {
		Data string `json:"data"`
	}
	params := map[string]any{"format": "png", "captureBeyondViewport": true}
	if height > 0 {
		var size struct {
			Layout struct {
				Width float64 `json:"clientWidth"`
			} `json:"cssLayoutViewport"`
		}
		c.Call(&size, "Page.getLayoutMetrics", nil)
		params["clip"] = map[string]any{"x": 0, "y": 0, "width": size.Layout.Width, "height": height, "scale": 1}
	}
	c.Call(&shot, "Page.captureScreenshot", params)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	noError(c.t, err)
	return data
}

// nodes counts the elements of a selector, also where no script may run.
func (c *chromium) nodes(selector string) int {
	c.t.Helper()
	var document struct {
		Root struct {
			ID int `json:"nodeId"`
		} `json:"root"`
	}
	c.Call(&document, "DOM.getDocument", map[string]any{"depth": 1})
	var found struct {
		IDs []int `json:"nodeIds"`
	}
	c.Call(&found, "DOM.querySelectorAll", map[string]any{"nodeId": document.Root.ID, "selector": selector})
	return len(found.IDs)
}
