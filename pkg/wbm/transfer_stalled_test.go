package wbm_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// TestTransferStalled checks that connecting to send the form takes no longer than any other silence, and that it is not sent then.
func TestTransferStalled(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *testing.T, n network) {
		s := transferSite(t, n, nil)
		o := s.options(t)
		dial, views := o.Dial, atomic.Int32{}
		form := s.pages["WEBM_Admin_FileTransferApp"]
		s.pages["WEBM_Admin_FileTransferApp"] = func(w http.ResponseWriter, r *http.Request) {
			views.Add(1)
			form(w, r)
		}
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if views.Load() < 2 {
				return dial(ctx, network, address)
			}
			mine, others := net.Pipe()
			t.Cleanup(func() { _ = others.Close() })
			go func() { _, _ = io.Copy(io.Discard, others) }()
			return mine, nil
		}
		begun := time.Now()
		_, err := s.transfer(t.Context(), o, byFTP())
		if e := (*wbm.Error)(nil); kind(err) != wbm.KindTimeout || !errors.As(err, &e) || e.Whole {
			t.Errorf("%#v", err)
		}
		if took := time.Since(begun); took > 2*o.Timeout {
			t.Errorf("it took %s", took)
		}
	})
}
