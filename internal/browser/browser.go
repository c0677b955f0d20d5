// Package browser drives a real Chromium in tests, without a window and without a network. It is test support.
package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A Browser is a Chromium with one tab. It is driven by its DevTools protocol over two pipes: messages are JSON, each
// followed by a zero byte.
type Browser struct {
	Event func(Message) // told what happens in the tab; may be nil

	t       testing.TB
	out     *os.File // what we say
	in      *bufio.Reader
	session string
	last    int
}

// A Message is what the browser says.
type Message struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// find returns the program. In CI its absence is a failure.
func find(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && runtime.GOOS != "windows" { // which has no pipes like these
			return path
		}
	}
	if os.Getenv("CI") != "" { //nolint:forbidigo // this package is for tests: CI decides what a missing program means
		t.Fatal("there is no Chromium, and all tests have to run: .ci/run installs it")
	}
	t.Skip("there is no Chromium: what a browser does is not looked at")
	return ""
}

// Start starts a browser with a profile of its own, until the test ends. It reaches 127.0.0.1 and no name, and accepts any
// certificate. Its DevTools report the events of the named domains.
func Start(t testing.TB, domains ...string) *Browser {
	t.Helper()
	path := find(t)
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
	b := &Browser{t: t, out: out, in: bufio.NewReaderSize(in, 1<<20)}
	t.Cleanup(func() {
		cancel()
		_ = out.Close()
		_ = in.Close()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("the browser says\n%s", errOut.String())
		}
	})
	b.attach()
	for _, domain := range domains {
		b.Call(nil, domain+".enable", nil)
	}
	return b
}

// attach opens the tab.
func (b *Browser) attach() {
	b.t.Helper()
	var target struct {
		ID string `json:"targetId"`
	}
	b.Call(&target, "Target.createTarget", map[string]any{"url": "about:blank"})
	var attached struct {
		ID string `json:"sessionId"`
	}
	b.Call(&attached, "Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true})
	b.session = attached.ID
}

// Call has the browser do something, and reads the result.
func (b *Browser) Call(result any, method string, params map[string]any) {
	b.t.Helper()
	b.last++
	request := map[string]any{"id": b.last, "method": method}
	if params != nil {
		request["params"] = params
	}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	text, err := json.Marshal(request)
	noError(b.t, err)
	_, err = b.out.Write(append(text, 0))
	noError(b.t, err)
	for {
		m := b.Read()
		switch {
		case m.ID != b.last:
			continue
		case m.Error != nil:
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		case result != nil:
			noError(b.t, json.Unmarshal(m.Result, result))
		}
		return
	}
}

// Read reads the next message, and reports it if it is an event.
func (b *Browser) Read() Message {
	b.t.Helper()
	text, err := b.in.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("the browser has ended: %v", err)
	}
	var m Message
	noError(b.t, json.Unmarshal(text[:len(text)-1], &m))
	if m.ID == 0 && b.Event != nil {
		b.Event(m)
	}
	return m
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
