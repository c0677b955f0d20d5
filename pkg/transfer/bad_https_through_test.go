package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

func httpThroughWants() map[string]want {
	full := want{kinds: []transfer.Kind{transfer.KindFull}, code: 507}
	fullLeft := full
	fullLeft.left = true
	broken := fails(transfer.KindBroken)
	brokenLeft := want{kinds: broken.kinds, left: true}
	return map[string]want{
		"through-well-behaved":                     {},
		"through-507-keeps-some":                   full,
		"through-507-keeps-some-and-delete-403":    fullLeft,
		"through-cut-once-then-403-and-delete-403": {kinds: []transfer.Kind{transfer.KindDenied}, left: true, retries: 1},
		"through-504-keeps-all":                    {attempts: 1, proofs: []transfer.Proof{transfer.ProofReadBack}},
		"through-504-keeps-some":                   {kinds: []transfer.Kind{transfer.KindBusy}, code: 504},
		"through-403-keeps-all":                    {kinds: []transfer.Kind{transfer.KindDenied}, code: 403},
		"through-413-half-way":                     {kinds: []transfer.Kind{transfer.KindFull}, code: 413},
		"through-cut":                              broken,
		"through-cut-and-delete-403":               brokenLeft,
		"through-cut-and-head-403":                 {kinds: broken.kinds, unsure: true},
		"through-stall":                            {kinds: []transfer.Kind{transfer.KindTimeout}, size: 8 << 20},
	}
}

func httpDripWants() map[string]want {
	full := want{kinds: []transfer.Kind{transfer.KindFull}, code: 507}
	timeout := fails(transfer.KindTimeout)
	return map[string]want{
		"drip-507-body":     full,
		"drip-507-chunks":   full,
		"drip-201-body":     {},
		"drip-head-of-put":  timeout,
		"drip-head-of-head": timeout,
		"drip-status-line":  timeout,
	}
}

// An objector is a watcher that objects at the last moment.
type objector struct{ io.Writer }

func (objector) Check() error      { return errDamaged }
func (objector) SHA256() *[32]byte { return nil }

var errDamaged = errors.New("damaged")

// A server that writes to the file itself has half of one when the sending ends early; it is removed again. Where that
// is refused it is named, and the reason is still to be seen.
func TestHalfAFileIsRemoved(t *testing.T) {
	for title, how := range map[string]struct {
		cancel, denied, old bool
	}{
		"cancelled": {cancel: true}, "cancelled, not removed": {cancel: true, denied: true}, "cancelled, old": {cancel: true, old: true},
		"damaged": {}, "damaged, not removed": {denied: true}, "damaged, old": {old: true},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			faults := []badserver.HTTPFault{badserver.WriteThrough}
			if how.denied {
				faults = append(faults, badserver.On("DELETE", badserver.ReplyOnly(badserver.Response(403, ""))))
			}
			s := badserver.NewHTTPS(t, faults...)
			if how.old {
				s.Put(badserver.Folder+"/"+name, []byte("the old one"))
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			u := upload(content(2 << 20))
			o := transfer.Options{Trust: s.Trust(), Timeout: time.Minute, Retries: 2, Pause: time.Millisecond}
			want := errDamaged
			if how.cancel {
				want = context.Canceled
				o.Sent = func(sent int64) {
					if sent >= 1<<20 {
						cancel()
					}
				}
			} else {
				u.Watch = func(bool) transfer.Watcher { return objector{io.Discard} }
			}
			_, err := put(ctx, s.Access(), o, u)
			s.WaitClosed()
			e := (*transfer.Error)(nil)
			left := errors.As(err, &e) && e.Left != ""
			if !errors.Is(err, want) || left != how.denied {
				t.Errorf("%v, left %t", err, left)
			}
			if there := len(s.Files()) > 0; there != how.denied {
				t.Errorf("files: %t", there)
			}
			if source := (*transfer.SourceError)(nil); !how.cancel && !errors.As(err, &source) {
				t.Errorf("%T", err)
			}
		})
	}
}

// What was there before and is not replaced is never removed.
func TestOldFileIsKept(t *testing.T) {
	s := badserver.NewHTTPS(t)
	old := []byte("the old one")
	s.Put(badserver.Folder+"/"+name, old)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := transfer.Options{Trust: s.Trust(), Timeout: time.Minute, Sent: func(sent int64) {
		if sent >= 1<<20 {
			cancel()
		}
	}}
	if _, err := put(ctx, s.Access(), o, upload(content(2<<20))); err != context.Canceled { //nolint:errorlint // nothing around it
		t.Errorf("%v", err)
	}
	s.WaitClosed()
	if !bytes.Equal(s.Files()[badserver.Folder+"/"+name], old) || s.Saw("DELETE") {
		t.Error("the old file is not there")
	}
}
