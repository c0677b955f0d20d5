package browser

import (
	"encoding/base64"
	"encoding/json"
	"testing"
)

// A Tab is a browser that notes what its page does.
type Tab struct {
	*Browser
	Problems []string // errors of the console, exceptions, and violations of the policy
	Requests []string // addresses that were asked for

	loads int // pages that are there
}

// StartTab starts a browser.
func StartTab(t testing.TB) *Tab {
	t.Helper()
	tab := &Tab{}
	tab.Browser = Start(t, "Page", "Network", "Log", "Runtime")
	tab.Event = tab.note
	return tab
}

// note notes what the page did.
func (b *Tab) note(m Message) {
	switch m.Method {
	case "Page.loadEventFired":
		b.loads++
	case "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded":
		b.Problems = append(b.Problems, string(m.Params))
	case "Network.requestWillBeSent":
		var sent struct {
			Request struct {
				URL string `json:"url"`
			} `json:"request"`
		}
		noError(b.t, json.Unmarshal(m.Params, &sent))
		b.Requests = append(b.Requests, sent.Request.URL)
	}
}

// Open opens a page.
func (b *Tab) Open(url string) {
	b.t.Helper()
	b.Problems, b.Requests = nil, nil
	b.Loads(func() { b.Call(nil, "Page.navigate", map[string]any{"url": url}) })
}

// Loads does something that loads a page, and waits until it is there.
func (b *Tab) Loads(what func()) {
	b.t.Helper()
	before := b.loads
	what()
	for b.loads == before {
		b.Read()
	}
	b.Eval(`0`) // what the page does until now is told before the answer
}

// Eval computes something in the page. A promise is waited for.
func (b *Tab) Eval(expression string) string {
	b.t.Helper()
	var r struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Problem json.RawMessage `json:"exceptionDetails"`
	}
	b.Call(&r, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true})
	if r.Problem != nil {
		b.t.Fatalf("%s: %s", expression, r.Problem)
	}
	var text string
	if json.Unmarshal(r.Result.Value, &text) == nil {
		return text
	}
	return string(r.Result.Value)
}

// Until waits until something is true in the page, which changes by itself.
func (b *Tab) Until(condition string) {
	b.t.Helper()
	b.Eval(`new Promise((done) => {
		const all = { subtree: true, childList: true, attributes: true, characterData: true };
		const observer = new MutationObserver(() => look());
		const look = () => { if (` + condition + `) { observer.disconnect(); done(true); } };
		observer.observe(document, all);
		look();
	})`)
}

// Press presses a key.
func (b *Tab) Press(key string, code int) {
	b.t.Helper()
	params := map[string]any{"key": key, "code": key, "windowsVirtualKeyCode": code}
	if key == "Enter" {
		params["text"] = "\r"
	}
	for _, kind := range []string{"keyDown", "keyUp"} {
		params["type"] = kind
		b.Call(nil, "Input.dispatchKeyEvent", params)
	}
}

// Screen sets what the page is shown on.
func (b *Tab) Screen(width int, media, scheme string) {
	b.t.Helper()
	b.Call(nil, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false})
	b.Call(nil, "Emulation.setEmulatedMedia", map[string]any{"media": media, "features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}})
}

// Picture takes a picture of the whole page, or of its beginning.
func (b *Tab) Picture(height int) []byte {
	b.t.Helper()
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
		b.Call(&size, "Page.getLayoutMetrics", nil)
		params["clip"] = map[string]any{"x": 0, "y": 0, "width": size.Layout.Width, "height": height, "scale": 1}
	}
	b.Call(&shot, "Page.captureScreenshot", params)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	noError(b.t, err)
	return data
}

// Nodes counts the elements of a selector, also where no script may run.
func (b *Tab) Nodes(selector string) int {
	b.t.Helper()
	var document struct {
		Root struct {
			ID int `json:"nodeId"`
		} `json:"root"`
	}
	b.Call(&document, "DOM.getDocument", map[string]any{"depth": 1})
	var found struct {
		IDs []int `json:"nodeIds"`
	}
	b.Call(&found, "DOM.querySelectorAll", map[string]any{"nodeId": document.Root.ID, "selector": selector})
	return len(found.IDs)
}

// Scripts lets pages that are opened from now on have scripts, or not.
func (b *Tab) Scripts(allowed bool) {
	b.t.Helper()
	b.Call(nil, "Emulation.setScriptExecutionDisabled", map[string]any{"value": !allowed})
}
