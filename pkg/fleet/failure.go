package fleet

import (
	"fmt"
	"time"
)

// A Kind is a way in which it ends badly with a phone.
type Kind string

// The kinds. What the phone was told until then is [Failure.Told].
const (
	KindUnreachable Kind = "unreachable"   // its contact port does not answer
	KindNoPhone     Kind = "not-a-phone"   // what answers there takes no contacts
	KindNoCall      Kind = "no-call-back"  // it took note, and did not call
	KindTLS         Kind = "tls"           // it calls, but there is no TLS between us: secure mode, or very old
	KindAnotherPhone       Kind = "another-phone" // another MAC address than the list's, or than before
	KindDuplicate       Kind = "twice"         // a phone that is in the plan already, under another address
	KindGarbled     Kind = "garbled"       // it calls, and cannot be understood
	KindBrokeOff    Kind = "broke-off"     // it ended the conversation
	KindRefused     Kind = "refused"       // the image does not suit it: Result.Verdict
	KindUnknown     Kind = "unknown"       // whether the image suits it cannot be told: Result.Verdict
	KindSource      Kind = "source"        // where it should fetch from cannot be told to a phone
	KindBusy        Kind = "busy"          // it stayed in a call
	KindNotTaken    Kind = "not-taken"     // it refuses to be updated
	KindNeverFetch  Kind = "never-fetched" // it never asked for the image
	KindCut         Kind = "cut"           // it asked for the image, and did not get all of it
	KindSaysFailed  Kind = "says-failed"   // it says that its update failed
	KindRejected    Kind = "rejected"      // it has the image, and runs its old software without a restart
	KindOldVersion  Kind = "old-version"   // it restarted, and does not run the new version
	KindNeverBack   Kind = "never-back"    // it went away, and did not come back
	KindNoAnswer    Kind = "no-answer"     // it is back, or never left, and does not say what it runs
	KindUnproven    Kind = "unproven"      // it runs the version that it ran before, and was not seen to install it
	KindInterrupted Kind = "interrupted"   // the run was stopped

	KindPageUnreachable Kind = "page-unreachable" // its web page does not answer
	KindPageBroken      Kind = "page-broken"      // its page went silent, broke off or logged us out, before the upload
	KindPageTrust       Kind = "page-trust"       // its page is not one to trust
	KindPageTLS         Kind = "page-tls"         // there is no TLS between us
	KindPageOdd         Kind = "page-odd"         // its page cannot be understood
	KindPageForeign     Kind = "page-foreign"     // its page leads elsewhere
	KindNoLogin         Kind = "no-login"         // its page has no login that is known
	KindPassword        Kind = "wrong-password"   // its page refuses the password
	KindLocked          Kind = "locked-out"       // its page takes no password for now: the run stops
	KindNewPassword     Kind = "password-change"  // its page demands a new password first
	KindNoForm          Kind = "no-form"          // its page has no form for an image
	KindManyForms       Kind = "many-forms"       // its page has several
	KindPageRefused     Kind = "page-refused"     // its page refuses the image
	KindUploadCut       Kind = "upload-cut"       // the upload did not come to its end
	KindImage           Kind = "image"            // the image cannot be read, or is not what it was
	KindStopped         Kind = "stopped"          // left alone, since another phone is locked out
)

// A Failure is how it ended badly. Its text may hold what a phone said: bounded, not escaped.
type Failure struct { //nolint:errname // a way to end, as Outcome is; that it is an error too is second
	Kind Kind
	Msg  string // one sentence, without the phone's name
	Err  error  // the cause, if there is one
	Instructed bool   // the phone had been told where its new software lies, or had been sent it: what it does now is its own business
}

func (f *Failure) Error() string {
	if f.Err != nil {
		return f.Msg + ": " + f.Err.Error()
	}
	return f.Msg
}

func (f *Failure) Unwrap() error { return f.Err }

func failf(kind Kind, format string, args ...any) *Failure {
	return &Failure{Kind: kind, Msg: fmt.Sprintf(format, args...)}
}

// span writes how long something lasts as a person says it: "10 min", "90 s", "2.5 s".
func span(d time.Duration) string {
	if d >= time.Minute && d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%g s", d.Round(10*time.Millisecond).Seconds())
}
