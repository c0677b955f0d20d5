package fleet

import (
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// lateCount is how long the count of what a phone fetched may lag behind what the phone says.
const lateCount = 2 * time.Second

// noteStatus takes over what the phone says of fetching or installing. Whether phones send it for firmware is not documented.
// What a word other than ok and failed means is not known: it proves nothing, and the version decides.
func (f *follower) noteStatus(m *wpi.PhoneMessage) {
	said := f.statusOfImage(m)
	switch {
	case said == "":
	case strings.EqualFold(said, wpi.Failed):
		f.noteFailed()
	case !strings.EqualFold(said, wpi.FileOK):
		f.said = f.facts.cut(said)
	case !f.reported:
		f.reported = true
		f.silence.restart()
	}
}

// noteFailed takes over that the phone, or its page, says that its update failed. What it fetched may still be being counted.
func (f *follower) noteFailed() {
	if f.counted() {
		f.endFailed()
		return
	}
	f.saysFailed = true
	f.silence.end(lateCount)
}

// endFailed ends the way of a phone that says that its update failed. If it is only the page that says so, of a phone that may have
// the whole image, the phone is watched for a restart before that: what a page means by its words is assumed, and a restart is not.
func (f *follower) endFailed() {
	if f.visit == nil || f.fetch.watched && !f.fetch.complete || f.refusal != nil {
		f.ending.end(f.failed())
		return
	}
	f.saysFailed, f.refusal = false, f.failed()
	f.silence.end(f.options.RefusalWatch)
}

// failed describes a phone that says that its update failed, and how far it came.
func (f *follower) failed() error {
	state := f.fetches.state()
	if f.visit != nil {
		return f.failedByPage(state)
	}
	switch {
	case f.fetch.watched && state.Requests == 0:
		return f.because(failf(KindNeverFetch, "it reports that its update failed, and never requested the image"))
	case f.fetch.watched && !state.Complete && (state.Cut || !f.fetch.complete):
		return failf(KindCut, "it reports that its update failed, after %d of %d bytes", state.Sent, state.Size)
	}
	return failf(KindSaysFailed, "it reports that its update failed")
}

// statusOfImage returns what the phone says of the image, "" for nothing: phones say the same of logos and ring tones that
// somebody else had them fetch (the guide, pp. 54, 55), and of several files in one message (observed: a service reads it so).
// The file with the image's name counts. How phones name an image is not documented: a file without a name counts if it is
// the only one. If the phone contradicts itself, it says nothing.
func (f *follower) statusOfImage(m *wpi.PhoneMessage) string {
	files := m.Files()
	said := ""
	for _, file := range files {
		ours := file.Name == "" && len(files) == 1 || file.Name != "" && f.isImage(file.Name)
		switch {
		case !ours || file.Status == "" || file.Type != "" && !strings.EqualFold(file.Type, "APP"):
		case said != "" && !strings.EqualFold(said, file.Status):
			return ""
		default:
			said = file.Status
		}
	}
	return said
}

// isImage reports whether a file's name is that of the image.
func (f *follower) isImage(said string) bool {
	name := f.update.Name
	if u, err := url.Parse(f.update.URL); err == nil && f.update.URL != "" {
		name = u.Path
	}
	said = path.Base(said)
	return strings.EqualFold(said, path.Base(name)) || strings.EqualFold(said, url.PathEscape(path.Base(name)))
}
