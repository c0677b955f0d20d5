package transfer_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"golang.org/x/net/webdav"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// TestWebDAV sends files to the WebDAV that Caddy's module and rclone serve with.
func TestWebDAV(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "firmware"), 0o700); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var methods []string
	handler := &webdav.Handler{FileSystem: webdav.Dir(folder), LockSystem: webdav.NewMemLS()}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "cp" || password != "pw" {
			w.Header().Set("WWW-Authenticate", `Basic realm="restricted"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mu.Lock()
		methods = append(methods, r.Method)
		mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	a := transfer.Access{Method: transfer.HTTPS, BaseURL: s.URL + "/firmware/", Username: "cp", Password: secret.New("pw")}
	o := transfer.Options{Trust: trust.Policy{Pins: []trust.Pin{trust.PinOf(s.Certificate())}}}
	send := func(change func(*transfer.Upload)) (transfer.Location, error) {
		methods = nil
		u := upload(content(300 << 10))
		change(&u)
		return put(t.Context(), a, o, u)
	}
	noOverwrite := func(u *transfer.Upload) { u.NoOverwrite = true }
	if l, err := send(noOverwrite); err != nil || l.Replaced || !slices.Equal(methods, []string{"HEAD", "PROPFIND", "GET", "PUT", "HEAD"}) {
		t.Errorf("a new one: %+v, %v, %v", l, err, methods)
	}
	_, err := send(noOverwrite)
	if e := (*transfer.Error)(nil); !errors.As(err, &e) || e.Kind != transfer.KindExists || slices.Contains(methods, "PUT") {
		t.Errorf("one that is there: %v, %v", err, methods)
	}
	if l, err := send(func(u *transfer.Upload) { u.ReadBack = true }); err != nil || !l.Replaced || !slices.Contains(l.Proofs, transfer.ProofReadBack) {
		t.Errorf("another: %+v, %v", l, err)
	}
	store, err := transfer.Dial(t.Context(), a, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Try(t.Context()); err != nil {
		t.Error(err)
	}
	_ = store.Close()
	if left, err := os.ReadDir(filepath.Join(folder, "firmware")); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	a.BaseURL = s.URL + "/nowhere/"
	_, err = send(func(*transfer.Upload) {})
	if e := (*transfer.Error)(nil); !errors.As(err, &e) || e.Kind != transfer.KindMissing {
		t.Errorf("no folder: %v", err)
	}
}
