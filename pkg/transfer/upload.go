package transfer

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/big"
	"strings"
	"time"
)

// SettingFilename names the file's name in a [SettingError].
const SettingFilename = "filename"

// maxName is the length of the longest file name in bytes; hardly any file system accepts longer ones.
const maxName = 255

// CheckName returns a [*SettingError] if the name cannot be that of a file on a server. A name has 1 to 255 bytes of UTF-8,
// neither slash nor backslash nor control characters, and no blank at either end.
func CheckName(name string) error {
	problem := textProblem(name)
	switch {
	case name == "":
		problem = "is missing"
	case len(name) > maxName:
		problem = fmt.Sprintf("has more than %d bytes", maxName)
	case strings.ContainsAny(name, `/\`):
		problem = "holds a slash or backslash: name the file alone, the folder belongs to path or base-url"
	case name == "." || name == "..":
		problem = "is a folder's name"
	case strings.Trim(name, " ") != name:
		problem = "begins or ends with a blank: servers store it under another name"
	}
	if problem != "" {
		return &SettingError{SettingFilename, problem}
	}
	return nil
}

// validate returns the error of [CheckName], and a [*SourceError] if there is no file.
func (u Upload) validate() error {
	if err := CheckName(u.Name); err != nil {
		return err
	}
	if u.Content == nil || u.Content.Size() == 0 {
		return &SourceError{Err: errors.New("there is nothing to send")}
	}
	return nil
}

// watcher returns what sees the bytes of one attempt.
func (u Upload) watcher(whole bool) Watcher {
	if u.Watch == nil {
		return digestWatcher{sha256.New()}
	}
	return u.Watch(whole || u.SHA256 || u.ReadBack)
}

// A digestWatcher computes the digest of a file that nobody watches.
type digestWatcher struct{ hash.Hash }

func (digestWatcher) Check() error        { return nil }
func (w digestWatcher) SHA256() *[32]byte { return (*[32]byte)(w.Sum(nil)) }

// needSHA256 makes sure that the digest of the file is known, now that something is compared with it: where nothing had
// asked for it while the file was sent, it reads the file again, and has it watched as before.
func (u Upload) needSHA256(ctx context.Context, l *Location) error {
	if l.SHA256 != nil {
		return nil
	}
	r := newHashingReader(ctx, u, Options{}, true)
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	l.SHA256 = r.sum
	return nil
}

// temporaryName returns the name of the file until it is complete.
func temporaryName(name string) string {
	suffix := "." + randomHex() + ".part"
	if len(name)+len(suffix) > maxName {
		name = "cpupdate"
	}
	return name + suffix
}

func randomHex() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// again repeats an attempt after temporary errors, with growing pauses that differ between those that failed together.
func (o Options) again(ctx context.Context, attempt func(n int) error) error {
	for n := 1; ; n++ {
		err := attempt(n)
		if err == nil || n > o.Retries || !temporary(err) || ctx.Err() != nil {
			return err
		}
		pause := o.Pause << min(n-1, 4)
		pause = pause/2 + jitter(pause/2)
		if e := (*Error)(nil); errors.As(err, &e) {
			pause = max(pause, e.after)
		}
		o.tell(Event{Step: StepRetry, Attempt: n, Wait: pause, Err: err})
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// jitter returns a random duration below the limit.
func jitter(limit time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(max(limit, 1))))
	if err != nil {
		return 0
	}
	return time.Duration(n.Int64())
}
