package fleet

import (
	"fmt"
)

// A Kind is a way in which it ends badly with a phone.
type Kind string

// The kinds. Whether the phone had got the update command by then is [Failure.Instructed].
const (
	KindUnreachable Kind = "unreachable"  // its contact port does not answer
	KindMachine     Kind = "this-machine" // this machine could not connect: no descriptors, ports, memory, route or name service
	KindNoPhone     Kind = "not-a-phone"  // what answers there is no phone
	KindNoCall      Kind = "no-call-back" // it acknowledged contact requests, and did not call back
	KindNoReply     Kind = "no-reply"     // it called back, and did not answer a query
	KindTLS         Kind = "tls"          // it calls back, but without a TLS connection: very old, or in secure mode

	KindNotTrusted       Kind = "not-trusted"     // it calls back, and does not trust the certificate of this machine
	KindNoCertificate    Kind = "no-certificate"  // it calls back without a certificate
	KindCertificate      Kind = "bad-certificate" // its certificate is not signed by the phones' authorities, or not valid
	KindOtherCertificate Kind = "certificate-mac" // its certificate holds the MAC address of another phone

	KindAnotherPhone Kind = "another-phone"  // another MAC address than stated, or than before
	KindDuplicate    Kind = "twice"          // a phone that is in the plan twice, under two addresses
	KindGarbled      Kind = "garbled"        // it calls back, and its message cannot be parsed
	KindOtherwise    Kind = "asks-otherwise" // it calls or asks for the image in a way that is not answered
	KindBrokeOff     Kind = "broke-off"      // it ended the conversation
	KindRefused      Kind = "refused"        // the image is not compatible: Result.Verdict
	KindUnknown      Kind = "unknown"        // whether the image is compatible cannot be determined: Result.Verdict
	KindSource       Kind = "source"         // no update command can be made for it
	KindBusy         Kind = "busy"           // it stayed in a call
	KindNotTaken     Kind = "not-taken"      // it refused the update
	KindNeverFetch   Kind = "never-fetched"  // it never requested the image
	KindCut          Kind = "cut"            // it requested the image, and did not get all of it
	KindSaysFailed   Kind = "says-failed"    // it reports that its update failed
	KindRejected     Kind = "rejected"       // it has the image, did not restart, and runs its old software
	KindOldVersion   Kind = "old-version"    // it restarted, and does not run the new version
	KindNeverBack    Kind = "never-back"     // it went down, and did not come back
	KindNoAnswer     Kind = "no-answer"      // it is back, or never went down, and does not report its version
	KindUnproven     Kind = "unproven"       // it runs the version that it ran before, and was not observed to install it
	KindInterrupted  Kind = "interrupted"    // the run was stopped
	KindNotBegun     Kind = "not-begun"      // whoever runs the plan did not let it begin
	KindNotRecorded  Kind = "not-recorded"   // the step that cannot be undone could not be recorded, and was not taken
	KindTaken        Kind = "taken"          // another run has this phone, and this one lets go of it

	KindPageUnreachable Kind = "page-unreachable" // its web page does not answer
	KindPageBroken      Kind = "page-broken"      // its page went silent, broke off or ended the session, before the upload
	KindPageTrust       Kind = "page-trust"       // its page's certificate is not trusted
	KindPageTLS         Kind = "page-tls"         // no TLS connection to its page
	KindPageOdd         Kind = "page-odd"         // its page cannot be parsed
	KindPageForeign     Kind = "page-foreign"     // its page leads to another host
	KindNoBanner        Kind = "no-banner"        // its page does not say what it is without a login
	KindNoLogin         Kind = "no-login"         // its page has no known login form
	KindPassword        Kind = "wrong-password"   // its page rejects the password
	KindLocked          Kind = "locked-out"       // its page accepts no password for now: the run stops
	KindNewPassword     Kind = "password-change"  // its page requires a password change first
	KindNoForm          Kind = "no-form"          // its page has no such form for an image
	KindManyForms       Kind = "many-forms"       // its page has several
	KindTooLong         Kind = "too-long"         // a value is longer than its transfer form takes
	KindFormLacks       Kind = "form-lacks"       // its transfer form has no field or option for a value
	KindPageRefused     Kind = "page-refused"     // its page refuses the image, or its transfer form
	KindUploadCut       Kind = "upload-cut"       // the upload was cut off
	KindImage           Kind = "image"            // the image cannot be read, or has changed
	KindStopped         Kind = "stopped"          // skipped, because another phone is locked out
)

// A Failure says how it ended badly. Its text may hold what a phone said: bounded, not escaped.
type Failure struct { //nolint:errname // it is a way to end, as Outcome is, and an error only besides
	Kind       Kind
	Msg        string // one sentence, without the phone's name
	Err        error  // the cause, if there is one
	Instructed bool   // the phone had got the update command, or the image, and may still update unless it Keeps its software
	Keeps      bool   // the phone cannot get the rest of the image: it keeps its old software
}

func (f *Failure) Error() string {
	if f.Err != nil {
		return f.Msg + ": " + f.Err.Error()
	}
	return f.Msg
}

func (f *Failure) Unwrap() error { return f.Err }

// anotherPhone reports whether what answers is not the phone that is meant: no route may update it.
func (f *Failure) anotherPhone() bool {
	return f.Kind == KindAnotherPhone || f.Kind == KindDuplicate || f.Kind == KindOtherCertificate
}

func failf(kind Kind, format string, args ...any) *Failure {
	return &Failure{Kind: kind, Msg: fmt.Sprintf(format, args...)}
}
