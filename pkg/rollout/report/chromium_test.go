package report_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A chromium is a real browser without a window. It is driven by its DevTools protocol over two pipes: messages are JSON, each
// followed by a zero byte.
type chromium struct {
	t        *testing.T
	out      *os.File // what we say
	in       *bufio.Reader
	session  string
	last     int
	loads    int      // pages that are there
	problems []string // errors of the console, exceptions, and violations of the policy
	requests []string // addresses that were asked for
}

type message struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// newChromium starts a browser with a profile of its own that can reach no host.
func newChromium(t *testing.T) *chromium {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" && runtime.GOOS != "windows" { // which has no pipes like these
			path = found
		}
	}
	if path == "" && os.Getenv("CI") != "" {
		t.Fatal("there is no Chromium, and all tests have to run: .ci/run installs it")
	}
	if path == "" {
		t.Skip("there is no Chromium: the page is not opened")
	}
	args := []string{
		"--headless", "--remote-debugging-pipe", "--user-data-dir=" + t.TempDir(), "--host-resolver-rules=MAP * ~NOTFOUND", "--no-proxy-server",
		"--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-extensions", "--disable-sync",
		"--disable-domain-reliability", "--disable-client-side-phishing-detection", "--disable-breakpad", "--disable-gpu", "--disable-dev-shm-usage",
		"--metrics-recording-only", "--no-default-browser-check", "--no-first-run", "--no-pings", "--lang=en", "about:blank",
	}
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox") // it refuses to start otherwise
	}
	theirIn, out, err := os.Pipe()
	noError(t, err)
	in, theirOut, err := os.Pipe()
	noError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	cmd.WaitDelay = 10 * time.Second
	var errOut strings.Builder
	cmd.Stderr = &errOut
	noError(t, cmd.Start())
	_ = theirIn.Close()
	_ = theirOut.Close()
	c := &chromium{t: t, out: out, in: bufio.NewReaderSize(in, 1<<20)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the browser says\n%s", errOut.String())
		}
		cancel()
		_ = out.Close()
		_ = in.Close()
		_ = cmd.Wait() // it was killed
	})
	var target struct {
		ID string `json:"targetId"`
	}
	c.call(&target, "Target.createTarget", map[string]any{"url": "about:blank"})
	var attached struct {
		ID string `json:"sessionId"`
	}
	c.call(&attached, "Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true})
	c.session = attached.ID
	for _, domain := range []string{"Page", "Network", "Log", "Runtime"} {
		c.call(nil, domain+".enable", nil)
	}
	return c
}

// call has the browser do something, and reads the result.
func (c *chromium) call(result any, method string, params map[string]any) {
	c.t.Helper()
	c.last++
	request := map[string]any{"id": c.last, "method": method}
	if params != nil {
		request["params"] = params
	}
	if c.session != "" {
		request["sessionId"] = c.session
	}
	text, err := json.Marshal(request)
	noError(c.t, err)
	_, err = c.out.Write(append(text, 0))
	noError(c.t, err)
	for {
		m := c.read()
		switch {
		case m.ID != c.last:
			continue
		case m.Error != nil:
			c.t.Fatalf("%s: %s", method, m.Error.Message)
		case result != nil:
			noError(c.t, json.Unmarshal(m.Result, result))
		}
		return
	}
}

// read reads a message, and notes what the page did.
func (c *chromium) read() message {
	c.t.Helper()
	text, err := c.in.ReadBytes(0)
	if err != nil {
		c.t.Fatalf("the browser has ended: %v", err)
	}
	var m message
	noError(c.t, json.Unmarshal(text[:len(text)-1], &m))
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
	return m
}

// open opens a file, and fails on any error and on any request but for the file itself.
func (c *chromium) open(path string) {
	c.t.Helper()
	c.problems, c.requests = nil, nil
	before := c.loads
	c.call(nil, "Page.navigate", map[string]any{"url": "file://" + filepath.ToSlash(path)})
	for c.loads == before {
		c.read()
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
	c.call(&r, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true})
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
		c.call(nil, "Input.dispatchKeyEvent", params)
	}
}

// screen sets what the page is shown on.
func (c *chromium) screen(width int, media, scheme string) {
	c.t.Helper()
	c.call(nil, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false})
	c.call(nil, "Emulation.setEmulatedMedia", map[string]any{"media": media, "features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}})
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
		c.call(&size, "Page.getLayoutMetrics", nil)
		params["clip"] = map[string]any{"x": 0, "y": 0, "width": size.Layout.Width, "height": height, "scale": 1}
	}
	c.call(&shot, "Page.captureScreenshot", params)
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
	c.call(&document, "DOM.getDocument", map[string]any{"depth": 1})
	var found struct {
		IDs []int `json:"nodeIds"`
	}
	c.call(&found, "DOM.querySelectorAll", map[string]any{"nodeId": document.Root.ID, "selector": selector})
	return len(found.IDs)
}
