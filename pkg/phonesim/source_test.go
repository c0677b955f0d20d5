package phonesim_test

import (
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestHTTPSLogin: a phone shows the login that it was told with the file, and tells nobody else.
func TestHTTPSLogin(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		s.file = cpb(t, nil)
		p := start(t, cp600())
		items := append(httpsItems(s, "normal"), "file-username", "fw", "file-pwd", "s3cret")
		s.say(solicit(t, p.Address(), s), "SoftwareDeployment", items...)
		p.await(phonesim.Started)
		got := <-s.gets
		if !strings.HasPrefix(got, "GET /file/image.img HTTP/1.1\r\nHost: "+s.address()+"\r\n") || !strings.Contains(got, "\r\nAuthorization: Basic Znc6czNjcmV0\r\n") {
			t.Errorf("it asks %q", got)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, e := range p.all {
			if strings.Contains(e.Detail, "s3cret") || strings.Contains(e.Detail, "Znc6") {
				t.Errorf("the event %q tells the password", e.Kind)
			}
		}
	})
}

// TestNoFile: a file server that is not there, or that has no such file.
func TestNoFile(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		for name, url := range map[string]string{"no server": "https://127.0.0.1:1/x", "no file": "https://SERVICE/missing"} {
			s := newService(t)
			p := start(t, cp600())
			s.say(solicit(t, p.Address(), s), "SoftwareDeployment", "file-type", "APP", "file-https-base-url", strings.ReplaceAll(url, "SERVICE", s.address()))
			p.await(phonesim.FetchEnded)
			if state := p.State(); state.Status != phonesim.StatusIdle || state.Fetches != 0 {
				t.Errorf("%s: its state is %+v", name, state)
			}
		}
	})
}
