package phonesim

// How a page answers a transfer form.
const (
	transferFailsAtOnce    = "fails-at-once"
	transferSaysFailed     = "says-failed"
	transferFailedInstalls = "failed-installs"
	transferStaysOld       = "stays-old"
	transferSilent         = "silent"
	transferDrips          = "drips"
	transferLanguage       = "language"
	transferLogsOut        = "logs-out"
	transferBadToken       = "bad-token"
	transferNoAnswer       = "no-answer"
)

// Which transfer forms a page has.
const (
	formOne      = "one"      // in one form with the file
	formInvented = "invented" // in the invented shape
	formNone     = "none"
	formTwo      = "two"
	formForeign  = "foreign"
	formLogo     = "logo"
	formNoSubmit = "no-submit"
)

// transferRows returns the faults of the transfer form of the web page. They change nothing in a phone without a page.
func transferRows() []row {
	form := func(which string) func(*Config, *traits) {
		return func(_ *Config, t *traits) { t.web.form = which }
	}
	answer := func(how string) func(*Config, *traits) {
		return func(_ *Config, t *traits) { t.web.transfer = how }
	}
	return []row{
		{"web-transfer-other-shape", "web-transfer-form", "has a transfer form of a made-up shape: other names, numbers and order; it requires a token and the Referer", form(formInvented)},
		{"web-transfer-one-form", "web-transfer-form", "has one form on its web page for the upload and for the transfer", form(formOne)},
		{"web-transfer-no-form", "web-transfer-form", "has no transfer form for the phone application", form(formNone)},
		{"web-transfer-two-forms", "web-transfer-form", "has two transfer forms for the phone application", form(formTwo)},
		{"web-transfer-foreign", "web-transfer-form", "has a transfer form that leads to another host", form(formForeign)},
		{"web-transfer-logo", "web-transfer-form", "has a transfer form on the page for the phone application whose hidden fields name a logo", form(formLogo)},
		{"web-transfer-no-start", "web-transfer-form", "has a transfer form without After submit: it starts with every submission", form(formNoSubmit)},
		{"web-transfer-fails", "web-transfer", "reports at once that a transfer failed, and fetches nothing", answer(transferFailsAtOnce)},
		{"web-transfer-says-failed", "web-transfer", "fetches the image, reports that the transfer failed, and installs nothing", answer(transferSaysFailed)},
		{"web-transfer-failed-installs", "web-transfer", "reports that a transfer failed, and installs the image anyway", answer(transferFailedInstalls)},
		{"web-transfer-ok-stays", "web-transfer", "confirms a transfer, but neither installs the image nor restarts", answer(transferStaysOld)},
		{"web-transfer-silent", "web-transfer", "fetches the image, never answers the transfer form, and installs nothing", answer(transferSilent)},
		{"web-transfer-drips", "web-transfer", "fetches the image, answers the transfer form with a page that never ends, and installs nothing", answer(transferDrips)},
		{"web-transfer-other-language", "web-transfer", "confirms a transfer in German and in another color", answer(transferLanguage)},
		{"web-transfer-logs-out", "web-transfer", "ends the session when the transfer form arrives, and fetches nothing", answer(transferLogsOut)},
		{"web-transfer-bad-token", "web-transfer", "has a token in its transfer form, and accepts none", answer(transferBadToken)},
		{"web-transfer-no-answer", "web-transfer", "restarts with the image without an answer to the transfer form", answer(transferNoAnswer)},
	}
}

// transferForms returns the transfer forms of the page for the phone application. Its heading is the manual's, the prefix and
// the number of its files are assumed.
func (v *webRequest) transferForms() []*transferForm {
	t := &v.r.p.traits.web
	f := observedForm(pageApplication, "Phone application", "app", kindApplication)
	forms := []*transferForm{f}
	switch t.form {
	case formOne:
		f.extra, f.token = true, true
	case formInvented:
		f = inventedForm()
		forms[0] = f
	case formNone:
		return nil
	case formTwo:
		forms = append(forms, observedForm(pageApplication, "Phone application", "app2", kindApplication))
	case formForeign:
		f.action = "https://192.0.2.77/page.cmd"
	case formLogo:
		forms[0] = observedForm(pageApplication, "Phone application", "lgo", kindLogo)
	case formNoSubmit:
		f.without(setSubmit)
	}
	if t.transfer == transferBadToken {
		forms[0].token = true
	}
	return forms
}
