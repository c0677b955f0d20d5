package transfer

import (
	"context"
	"errors"
	"net/textproto"
	"testing"
	"testing/synctest"
	"time"
)

// What a passing fault prevents is repeated for some seconds, and not after an interrupt; anything else is final.
func TestInsist(t *testing.T) {
	for _, test := range []struct {
		reply     string
		code      int
		passes    int           // the try that succeeds, 0 if none does
		interrupt time.Duration // 0: never
		tries     int
		least     time.Duration
	}{
		{"The process cannot access the file because it is being used by another process.", 550, 0, 0, 6, 6 * time.Second},
		{"The process cannot access the file because it is being used by another process.", 550, 3, 0, 3, 500 * time.Millisecond},
		{"File busy.", 450, 0, 0, 6, 6 * time.Second},
		{"Sharing violation", 553, 2, 0, 2, 200 * time.Millisecond},
		{"File is in use", 550, 0, time.Second, 3, time.Second},
		{"Permission denied.", 550, 0, 0, 1, 0},
		{"Cannot create a file when that file already exists.", 550, 0, 0, 1, 0},
		{"Shutting down.", 421, 0, 0, 1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.interrupt > 0 {
				time.AfterFunc(test.interrupt, cancel)
			}
			s := &ftpStore{peer: peer{o: Options{}.complete()}, control: &control{broken: test.code == 421}}
			start, tries := time.Now(), 0
			err := s.insist(ctx, func() error {
				if tries++; tries == test.passes {
					return nil
				}
				return &textproto.Error{Code: test.code, Msg: test.reply}
			})
			refused := (*textproto.Error)(nil)
			if errors.As(err, &refused) == (test.passes > 0) || tries != test.tries {
				t.Errorf("%s: %d tries, %v", test.reply, tries, err)
			}
			if took := time.Since(start); took < test.least || took > 10*time.Second {
				t.Errorf("%s: for %v", test.reply, took)
			}
		})
	}
}
