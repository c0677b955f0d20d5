package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
)

// A watched rollout has a live page.
type watched struct {
	t       *testing.T
	file    string // journal
	url     *url.URL
	end     context.CancelFunc
	code    chan exit.Code
	errOut  bytes.Buffer
	trusted *x509.CertPool
}

// watchRollout plans a rollout of two phones, and shows it as a page.
func watchRollout(t *testing.T, args ...string) *watched {
	t.Helper()
	w := &watched{t: t, file: filepath.Join(t.TempDir(), "journal.db"), code: make(chan exit.Code, 1)}
	image := phoneImage(t)
	list := clitest.File(t, "site.csv", []byte("address,hw_level,note\n192.0.2.50,3,<reception>\n192.0.2.51,3,\n"))
	if r := runHere(t, nil, "rollout", "plan", image, "--phones", list, "--name", "spring", "--offline", "--journal", w.file); r.code != exit.CodeOK {
		t.Fatal(r)
	}
	out, in := io.Pipe()
	a := newTestApp(&console.Console{Out: in, Err: &w.errOut, Width: 80, KeepPipes: func() {}}, t.TempDir())
	ctx, end := context.WithCancel(context.Background())
	w.end = end
	go func() {
		defer in.Close()
		w.code <- run(ctx, a, append([]string{"rollout", "watch", "spring", "--json", "--journal", w.file}, args...))
	}()
	t.Cleanup(end)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, &w.errOut)
	}
	var doc struct{ Event, Name, URL string }
	if err := json.Unmarshal([]byte(line), &doc); err != nil || doc.Event != "ready" || doc.Name != "spring" {
		t.Fatalf("%s: %v", line, err)
	}
	if w.url, err = url.Parse(doc.URL); err != nil {
		t.Fatal(err)
	}
	return w
}

// get asks for a path, and returns the status and the body.
func (w *watched) get(path string) (int, io.Reader) {
	w.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: w.trusted, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", w.url.Port()))
		},
	}}
	w.t.Cleanup(client.CloseIdleConnections)
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url.Scheme+"://"+w.url.Host+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = answer.Body.Close() })
	return answer.StatusCode, answer.Body
}

// page returns the whole page.
func (w *watched) page() string {
	w.t.Helper()
	status, body := w.get(w.url.Path)
	text, err := io.ReadAll(body)
	if err != nil || status != http.StatusOK {
		w.t.Fatalf("%d, %v", status, err)
	}
	return string(text)
}

// TestWatch shows a rollout from the journal file, while another process writes into it, until Ctrl-C.
func TestWatch(t *testing.T) {
	t.Parallel()
	w := watchRollout(t)
	if w.url.Hostname() != "127.0.0.1" || w.url.Scheme != "http" || w.url.Path != "/" {
		t.Errorf("the page is at %s", w.url)
	}
	text := w.page()
	for _, want := range []string{"<title>Rollout spring: planned, not begun</title>", "2 phones: 2 not begun.", "&lt;reception&gt;"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	_, id, _ := strings.Cut(text, `data-page="`)
	id, _, _ = strings.Cut(id, `"`)
	_, stream := w.get("/events?page=" + id)
	ledger, err := sqlite.Open(t.Context(), w.file)
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	key := journal.Key{Rollout: "spring", Phone: "192.0.2.50"}
	var last journal.Seq
	for e, err := range ledger.Read(t.Context(), key) {
		if err != nil {
			t.Fatal(err)
		}
		last = e.Seq
	}
	if _, err := ledger.Append(t.Context(), key, last, journal.Event{At: time.Now(), Body: journal.Begun{Run: "r1", Attempt: 1}}); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		if strings.Contains(lines.Text(), `<tr data-k="0" data-l="progress"`) {
			break
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	w.end()
	if code := <-w.code; code != exit.CodeOK || w.errOut.Len() > 0 {
		t.Errorf("after Ctrl-C: exit code %d, %s", code, &w.errOut)
	}
	for lines.Scan() { // the stream has ended
	}
}

// TestWatchFromElsewhere serves other machines: by HTTPS, with a token that only the printed address has.
func TestWatchFromElsewhere(t *testing.T) {
	t.Parallel()
	authority := testca.NewAuthority(t)
	own := authority.Issue(func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = []string{"watch.example"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	})
	w := watchRollout(t, "--listen", "0.0.0.0:0", "--service-cert", clitest.File(t, "own.crt", testca.CertificatePEM(&own)), "--service-key", clitest.File(t, "own.key", testca.KeyPEM(t, &own)))
	w.trusted = authority.Pool()
	token := strings.Trim(w.url.Path, "/")
	if w.url.Scheme != "https" || w.url.Hostname() != "watch.example" || len(token) < 26 || strings.Contains(token, "/") {
		t.Errorf("the page is at %s", w.url)
	}
	if text := w.page(); strings.Contains(text, token) || !strings.Contains(text, "2 phones: 2 not begun.") {
		t.Error("the page has its token, or is not the page")
	}
	for _, path := range []string{"/", "/events", "/" + token[1:] + "/", "/" + strings.ToLower(token) + "/", "/x/../" + token[1:] + "/events"} {
		status, body := w.get(path)
		if text, _ := io.ReadAll(body); status != http.StatusNotFound || bytes.Contains(text, []byte("spring")) {
			t.Errorf("%s: %d, %s", path, status, text)
		}
	}
	w.url.Host = net.JoinHostPort("evil.example", w.url.Port())
	if status, _ := w.get(w.url.Path); status != http.StatusMisdirectedRequest {
		t.Errorf("for another name: %d", status)
	}
	w.end()
	if code := <-w.code; code != exit.CodeOK || w.errOut.Len() > 0 {
		t.Errorf("after Ctrl-C: exit code %d, %s", code, &w.errOut)
	}
}

// TestWatchGone ends when the journal is not there any more.
func TestWatchGone(t *testing.T) {
	t.Parallel()
	w := watchRollout(t)
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(w.file + end); err != nil && !os.IsNotExist(err) {
			t.Skip(err) // as on Windows
		}
	}
	if code := <-w.code; code != exit.CodeSettings || !strings.Contains(w.errOut.String(), "journal") {
		t.Errorf("exit code %d, %s", code, &w.errOut)
	}
	taken := watchRollout(t)
	r := runHere(t, nil, "rollout", "watch", "spring", "--journal", taken.file, "--listen", taken.url.Host)
	if r.code != exit.CodeSettings || !strings.Contains(r.errOut, "hint: choose another address or port with --listen") {
		t.Errorf("exit code %d, %s", r.code, r.errOut)
	}
}
