package wbm_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// TestSecretBeforeLogin checks events and errors before the login: a page may know the password from an earlier visit.
func TestSecretBeforeLogin(t *testing.T) {
	t.Parallel()
	const repeated = `pass%26word%221`
	for _, c := range []struct {
		name  string
		setup func(*site)
	}{
		{"in an address elsewhere", func(s *site) {
			s.pages["/index.cmd"] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "https://127.0.0.2/"+repeated)
				w.WriteHeader(http.StatusFound)
			}
		}},
		{"in an address on the phone", func(s *site) {
			s.pages["/index.cmd"] = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/"+repeated+".html", http.StatusFound)
			}
			s.page("/pass&word\"1.html", loginPage)
		}},
		{"in a line of HTTP", func(s *site) { s.says("/index.cmd", "HTTP/1.1 "+password+"\r\n\r\n") }},
		{"in a kind of content", func(s *site) {
			s.says("/index.cmd", "HTTP/1.1 200 OK\r\nContent-Type: x/"+password+"\r\nContent-Length: 0\r\n\r\n")
		}},
		{"in a form", func(s *site) {
			s.page("/index.cmd", loginForm("method=post", "pass&amp;word&quot;1", "<input type=password name=a>"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			c.setup(s)
			o := s.options(t)
			o.Secrets = []secret.Secret{secret.New(password)}
			said := ""
			o.Event = func(e wbm.Event) { said += e.Text + "\n" }
			v, err := wbm.Open(t.Context(), s.address, o)
			if err == nil {
				defer v.Close()
				said += fmt.Sprintf("%v %+v %#v\n", v, v, v)
				err = v.Login(t.Context(), secret.New("another"))
			}
			said += fmt.Sprint(err)
			if !strings.Contains(said, "[redacted]") {
				t.Errorf("it was not repeated: %s", said)
			}
			for _, form := range []string{password, repeated, `pass&word\"1`} {
				if strings.Contains(said, form) {
					t.Errorf("it is told: %s", said)
				}
			}
		})
	}
}
