package fleet

import (
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// lateCount is how long the count of what a phone fetched may lag behind the phone's own word.
const lateCount = 2 * time.Second

// status is the phone's word on how fetching or installing went. Whether phones send it for firmware is not documented.
func (f *following) status(m *wpi.PhoneMessage) {
	said, _ := m.Value(wpi.ItemFileStatus)
	switch {
	case !f.aboutThis(m):
	case strings.EqualFold(said, wpi.Failed) && f.counted():
		f.end(f.failed())
	case strings.EqualFold(said, wpi.Failed):
		f.gaveUp = true
		f.silence.Reset(lateCount)
	case !f.reported:
		f.reported = true
		f.forward()
	}
}

// counted reports whether the count of what the phone fetched is final: one that has it all may say so before its last bytes
// were seen to be confirmed.
func (f *following) counted() bool { return !f.watched || f.complete || f.fetchState().Open == 0 }

// failed is a phone that says that its update failed, and how far it came.
func (f *following) failed() error {
	state := f.fetchState()
	switch {
	case f.watched && state.Requests == 0:
		return f.because(failf(KindNeverFetch, "it says that its update failed, and it never asked for the image"))
	case f.watched && !f.complete:
		return failf(KindCut, "it says that its update failed, after %d of %d bytes", state.Sent, state.Size)
	}
	return failf(KindSaysFailed, "it says that its update failed")
}

// aboutThis reports whether a file's status is that of the image: phones say the same of logos and ring tones that somebody
// else had them fetch (the guide, pp. 54, 55). How they name an image is not documented.
func (f *following) aboutThis(m *wpi.PhoneMessage) bool {
	if kind, ok := m.Value(wpi.ItemFileType); ok && !strings.EqualFold(kind, "APP") {
		return false
	}
	said, ok := m.Value(wpi.ItemFileName)
	if !ok {
		return true
	}
	name := f.told.Name
	if u, err := url.Parse(f.told.URL); err == nil && f.told.URL != "" {
		name = u.Path
	}
	said = path.Base(said)
	return strings.EqualFold(said, path.Base(name)) || strings.EqualFold(said, url.PathEscape(path.Base(name)))
}

// because adds to a failure what went wrong at the phone's address meanwhile.
func (f *following) because(failure *Failure) *Failure {
	failure.Err = f.noted(troubleFetch, troubleTLS)
	return failure
}
