package badserver

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
)

func (s *HTTPS) client(t *testing.T) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.Trust().Authorities}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// answer is what is left of a response when its body is read.
type answer struct {
	status  int
	header  http.Header
	content string
}

func (s *HTTPS) do(t *testing.T, client *http.Client, method, name, body string, lines ...string) (answer, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.Access().BaseURL+name, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(lines); i += 2 {
		request.Header.Set(lines[i], lines[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(content)}, err
}

func TestHTTPS(t *testing.T) {
	s := NewHTTPS(t)
	client := s.client(t)
	for _, step := range []struct {
		method, body string
		status       int
		content      string
	}{
		{http.MethodHead, "", 404, ""},
		{http.MethodPut, "content", 201, ""},
		{http.MethodPut, "Content", 204, ""},
		{http.MethodGet, "", 200, "Content"},
		{http.MethodHead, "", 200, ""},
		{http.MethodDelete, "", 204, ""},
		{http.MethodGet, "", 404, "not found\n"},
		{http.MethodPatch, "", 405, ""},
	} {
		got, err := s.do(t, client, step.method, "x", step.body, "Expect", "100-continue")
		if err != nil || got.status != step.status || got.content != step.content {
			t.Fatalf("%s: %v, %v", step.method, got, err)
		}
	}
	client.CloseIdleConnections()
	s.WaitClosed()
	if got := s.Commands()[1]; got != "PUT "+Folder+"/x" {
		t.Error(got)
	}
}

func TestHTTPSRefuses(t *testing.T) {
	s := NewHTTPS(t,
		OnFirst(1, http.MethodPut, Refuse(1024, true, Response(413, "too much"))),
		OnFirst(1, http.MethodPut, func(x *Exchange) { x.Silence() }))
	client := s.client(t)
	body := string(bytes.Repeat([]byte("x"), 1<<20))
	if got, err := s.do(t, client, http.MethodPut, "x", body); err == nil && (got.status != 413 || got.content != "too much") {
		t.Errorf("%v", got)
	}
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, s.Access().BaseURL+"y", strings.NewReader(body))
	done := make(chan error)
	go func() {
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
		}
		done <- err
	}()
	s.stop()
	if err := <-done; err == nil {
		t.Error("an answer")
	}
	if len(s.Files()) > 0 {
		t.Error("something is stored")
	}
}

func TestHTTPSLogin(t *testing.T) {
	s := NewHTTPS(t, Login(Digest("SHA-256", "auth", 0), Basic))
	client := s.client(t)
	refused, err := s.do(t, client, http.MethodPut, "x", "1")
	if err != nil || refused.status != http.StatusUnauthorized || len(refused.header.Values("WWW-Authenticate")) != 2 {
		t.Fatalf("%v, %v", refused, err)
	}
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, s.Access().BaseURL+"x", strings.NewReader("1"))
	request.SetBasicAuth(User, Password)
	response, err := client.Do(request)
	if err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("%v, %v", response, err)
	}
	_ = response.Body.Close()
	p := parameters(`username="Mufasa", realm="a, b", nc=00000001, qop=auth, uri="/dir/index.html"`)
	if p["username"] != "Mufasa" || p["realm"] != "a, b" || p["nc"] != "00000001" || p["uri"] != "/dir/index.html" {
		t.Errorf("%q", p)
	}
}
