package live_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/rollout/report/live"
)

// TestPage looks at the page and its headers.
func TestPage(t *testing.T) {
	s := newSite(t, 3)
	s.begins(1)
	s.updates(1)
	s.begins(2)
	p := s.page(live.Options{})
	w := get(p, http.MethodGet, "http://127.0.0.1:8080/")
	text := w.Body.String()
	for _, want := range []string{
		"<title>Rollout spring: unfinished</title>", "3 phones: 1 updated, 1 in progress, 1 not begun.", "Reload this page to update it.",
		`<tr data-k="1" data-l="progress" data-o="in-progress">`, `data-list="needs" hidden>`, "1 phone. A run began with them",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		"Cross-Origin-Resource-Policy": "same-origin", "Access-Control-Allow-Origin": "",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	policy := w.Header().Get("Content-Security-Policy")
	if !regexp.MustCompile(`^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$`).MatchString(policy) {
		t.Errorf("the policy is %s", policy)
	}
	if strings.Contains(strings.ReplaceAll(text, "http://www.w3.org", ""), "http") && regexp.MustCompile(`(src|href)="?https?:`).MatchString(text) {
		t.Error("the page leads out of itself")
	}
}

// TestRefused asks for what is not answered.
func TestRefused(t *testing.T) {
	const token = "TOKENTOKENTOKENTOKENTOKEN1"
	s := newSite(t, 1)
	open := s.page(live.Options{Known: func(name string) bool { return name == "watch.example" }})
	closed := s.page(live.Options{Token: token})
	for _, test := range []struct {
		page        *live.Page
		method, url string
		headers     []string
		code        int
	}{
		{open, "GET", "http://127.0.0.1:8080/", nil, 200},
		{open, "GET", "http://localhost/", nil, 200},
		{open, "GET", "http://LOCALHOST.:9/", nil, 200},
		{open, "GET", "http://[::1]:8080/", nil, 200},
		{open, "GET", "http://192.0.2.7:8080/", nil, 200}, // by way of a tunnel
		{open, "GET", "http://watch.example/", nil, 200},
		{open, "GET", "http://evil.example:8080/", nil, 421},
		{open, "GET", "http://127.0.0.1.evil.example/", nil, 421},
		{open, "GET", "http://localhost.evil.example/events", nil, 421},
		{open, "GET", "http://127.1/", nil, 421},
		{open, "HEAD", "http://127.0.0.1/", nil, 200},
		{open, "HEAD", "http://127.0.0.1/events", nil, 200},
		{open, "POST", "http://127.0.0.1/", nil, 405},
		{open, "PUT", "http://127.0.0.1/events", nil, 405},
		{open, "DELETE", "http://127.0.0.1/", nil, 405},
		{open, "OPTIONS", "http://127.0.0.1/", nil, 405},
		{open, "TRACE", "http://127.0.0.1/", nil, 405},
		{open, "GET", "http://127.0.0.1/favicon.ico", nil, 404},
		{open, "GET", "http://127.0.0.1/events/", nil, 404},
		{open, "GET", "http://127.0.0.1//", nil, 404},
		{open, "GET", "http://127.0.0.1/..%2f", nil, 404},
		{open, "GET", "http://127.0.0.1/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{open, "GET", "http://127.0.0.1/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{open, "GET", "http://127.0.0.1/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}, 403},
		{open, "GET", "http://127.0.0.1/events", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}, 403},
		{open, "GET", "http://127.0.0.1/events", []string{"Origin", "http://evil.example"}, 403},
		{open, "GET", "http://127.0.0.1/events", []string{"Origin", "null"}, 403},
		{open, "HEAD", "http://127.0.0.1:1/events", []string{"Origin", "http://127.0.0.1:1"}, 200},
		{closed, "GET", "https://192.0.2.1/" + token + "/", nil, 200},
		{closed, "HEAD", "https://192.0.2.1/" + token + "/events", nil, 200},
		{closed, "GET", "https://192.0.2.1/", nil, 404},
		{closed, "GET", "https://192.0.2.1/events", nil, 404},
		{closed, "GET", "https://192.0.2.1/" + token, nil, 404},
		{closed, "GET", "https://192.0.2.1/" + token[1:] + "/", nil, 404},
		{closed, "GET", "https://192.0.2.1/" + strings.ToLower(token) + "/", nil, 404},
		{closed, "GET", "https://192.0.2.1/" + token + "x/", nil, 404},
		{closed, "GET", "https://192.0.2.1//" + token + "/", nil, 404},
		{closed, "GET", "https://192.0.2.1/?" + token, nil, 404},
		{closed, "POST", "https://192.0.2.1/" + token + "/", nil, 405},
	} {
		w := get(test.page, test.method, test.url, test.headers...)
		text := w.Body.String()
		if w.Code != test.code {
			t.Errorf("%s %s %v: %d, want %d", test.method, test.url, test.headers, w.Code, test.code)
		}
		if test.method == "HEAD" && text != "" {
			t.Errorf("HEAD %s: it has a body", test.url)
		}
		if test.code != 200 && strings.Contains(text, "spring") || strings.Contains(text, token) || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s %s: %s", test.method, test.url, text)
		}
	}
}
