package transfer_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// By HTTPS the server is asked to replace nothing, in the request that could: between looking and sending a file may
// appear.
func TestNoOverwriteIsSaid(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodPut:
			w.WriteHeader(http.StatusNotFound)
		case r.Header.Get("If-None-Match") == "*":
			w.WriteHeader(http.StatusPreconditionFailed)
		default:
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusCreated)
		}
	}))
	defer s.Close()
	authorities := x509.NewCertPool()
	authorities.AddCert(s.Certificate())
	file := content(1000)
	_, err := put(t.Context(), transfer.Access{Method: transfer.HTTPS, BaseURL: s.URL}, transfer.Options{Trust: trust.Policy{Authorities: authorities}},
		transfer.Upload{Name: name, Content: io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file))), NoOverwrite: true})
	if e := (*transfer.Error)(nil); !errors.As(err, &e) || e.Kind != transfer.KindExists {
		t.Errorf("got %v", err)
	}
}
