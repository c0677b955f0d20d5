package wbm_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A chromium is a real browser without a window. It is driven by its DevTools protocol over two pipes: messages are JSON, each
// followed by a zero byte.
type chromium struct {
	t       *testing.T
	out     *os.File // what we say
	in      *bufio.Reader
	session string
	last    int
	events  []message // that came while something else was waited for
}

type message struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
	Session string `json:"sessionId,omitempty"`
}

// findChromium returns the program. Where tests have to be complete its absence is a failure.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && runtime.GOOS != "windows" { // which has no pipes like these
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("there is no Chromium, and all tests have to run: .ci/run installs it")
	}
	t.Skip("there is no Chromium: the comparison with a real browser is left out")
	return ""
}

// newChromium starts a browser with a profile of its own, that speaks to this machine alone and takes any certificate.
func newChromium(t *testing.T) *chromium {
	t.Helper()
	path := findChromium(t)
	args := []string{
		"--headless", "--remote-debugging-pipe", "--user-data-dir=" + t.TempDir(), "--ignore-certificate-errors",
		"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--no-proxy-server", "--disable-background-networking",
		"--disable-component-update", "--disable-default-apps", "--disable-extensions", "--disable-sync", "--disable-domain-reliability",
		"--disable-client-side-phishing-detection", "--disable-breakpad", "--disable-gpu", "--disable-dev-shm-usage",
		"--metrics-recording-only", "--no-default-browser-check", "--no-first-run", "--no-pings", "--lang=en", "about:blank",
	}
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox") // it refuses to start otherwise
	}
	theirIn, out, err := os.Pipe()
	noProblem(t, err)
	in, theirOut, err := os.Pipe()
	noProblem(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	cmd.WaitDelay = 10 * time.Second
	var errOut strings.Builder
	cmd.Stderr = &errOut
	noProblem(t, cmd.Start())
	_ = theirIn.Close()
	_ = theirOut.Close()
	c := &chromium{t: t, out: out, in: bufio.NewReader(in)}
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
	c.call(nil, "Page.enable", nil)
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
	noProblem(c.t, err)
	_, err = c.out.Write(append(text, 0))
	noProblem(c.t, err)
	for {
		m := c.read()
		switch {
		case m.ID == 0:
			c.events = append(c.events, m)
			continue
		case m.ID != c.last:
			continue
		case m.Error != nil:
			c.t.Fatalf("%s: %s", method, m.Error.Message)
		case result != nil:
			noProblem(c.t, json.Unmarshal(m.Result, result))
		}
		return
	}
}

func (c *chromium) read() message {
	c.t.Helper()
	text, err := c.in.ReadBytes(0)
	if err != nil {
		c.t.Fatalf("the browser has ended, or took too long: %v", err)
	}
	var m message
	noProblem(c.t, json.Unmarshal(text[:len(text)-1], &m))
	return m
}

// loaded waits until a page is there, after something was done that leads to one.
func (c *chromium) loaded(do func()) {
	c.t.Helper()
	c.events = nil
	do()
	for {
		var m message
		if len(c.events) > 0 {
			m, c.events = c.events[0], c.events[1:]
		} else {
			m = c.read()
		}
		if m.Method == "Page.loadEventFired" {
			return
		}
	}
}

// open goes to an address.
func (c *chromium) open(url string) {
	c.t.Helper()
	c.loaded(func() {
		var result struct {
			Problem string `json:"errorText"`
		}
		if c.call(&result, "Page.navigate", map[string]any{"url": url}); result.Problem != "" {
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
	c.call(&r, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": byValue})
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
		c.call(nil, "Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1})
	}
}

// enter types a text into the element with the focus, key by key.
func (c *chromium) enter(text string) {
	c.t.Helper()
	for _, key := range strings.Split(text, "") {
		c.call(nil, "Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "text": key, "key": key})
		c.call(nil, "Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key})
	}
}

// choose sets the file of a field for one.
func (c *chromium) choose(expression, file string) {
	c.t.Helper()
	object := c.eval(expression, false).Result.Object
	c.call(nil, "DOM.setFileInputFiles", map[string]any{"files": []string{file}, "objectId": object})
}
