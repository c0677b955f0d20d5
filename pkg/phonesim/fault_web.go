package phonesim

// webTraits are what the faults make of a phone's web page.
type webTraits struct {
	login login // which of the forms of login that were observed

	tls10, rsaOnly, otherKey, redirects, slow bool
	suspended, change, logsOut                bool
	noForm, logoOnly, twoForms, foreign       bool
	loop, thousand, noVersion, hostile        bool
	early, cuts, stalls, staysOld, huge       bool
	refuses, otherMAC, noBanner, otherModel   bool

	form     string // which transfer forms it has, "" for the observed one
	transfer string // how it answers a transfer form, "" as observed
}

// webRows returns the faults of the web page. They change nothing in a phone without one.
func webRows() []row {
	set := func(field func(*webTraits) *bool) func(*Config, *traits) {
		return func(_ *Config, t *traits) { *field(&t.web) = true }
	}
	log := func(l login) func(*Config, *traits) { return func(_ *Config, t *traits) { t.web.login = l } }
	return []row{
		{"web-tls-1.0", "", "speaks nothing newer than TLS 1.0 on its web page", set(func(t *webTraits) *bool { return &t.tls10 })},
		{"web-rsa-kex", "", "supports only cipher suites with RSA key exchange and CBC on its web page", set(func(t *webTraits) *bool { return &t.rsaOnly })},
		{"web-redirect-http", "", "sends visitors of its web page to a page without TLS", set(func(t *webTraits) *bool { return &t.redirects })},
		{"web-slow-page", "", "sends the first page of its web page byte by byte, five in a second", set(func(t *webTraits) *bool { return &t.slow })},
		{"web-login-older", "web-login", "has a web page in frames, and an older form of login", log(olderLogin())},
		{"web-login-old", "web-login", "has a web page in frames, and the oldest form of login", log(oldLogin())},
		{"web-password-suspended", "", "accepts no password on its web page, as after too many wrong ones", set(func(t *webTraits) *bool { return &t.suspended })},
		{"web-change-password", "", "requires a password change after the login on its web page", set(func(t *webTraits) *bool { return &t.change })},
		{"web-no-version", "", "does not report its version on its web page", set(func(t *webTraits) *bool { return &t.noVersion })},
		{"web-other-mac", "", "reports another MAC address on its web page", set(func(t *webTraits) *bool { return &t.otherMAC })},
		{"web-hostile-text", "", "has a device type of 60 KB with terminal control sequences on its web page", set(func(t *webTraits) *bool { return &t.hostile })},
		{"web-no-banner", "web-banner", "does not say what it is on its web page before the login", set(func(t *webTraits) *bool { return &t.noBanner })},
		{"web-banner-other-model", "web-banner", "reports another model on its web page before the login", set(func(t *webTraits) *bool { return &t.otherModel })},
		{"web-menu-loop", "web-menu", "has a menu that leads from page to page without end, and never to an image upload form", set(func(t *webTraits) *bool { return &t.loop })},
		{"web-menu-thousand", "web-menu", "has a menu of a thousand empty pages before all others", set(func(t *webTraits) *bool { return &t.thousand })},
		{"web-no-form", "web-form", "has no file field on its web page", set(func(t *webTraits) *bool { return &t.noForm })},
		{"web-logo-only", "web-form", "has a file field on its web page only for a logo", set(func(t *webTraits) *bool { return &t.logoOnly })},
		{"web-two-forms", "web-form", "has two file forms on the page for the phone application", set(func(t *webTraits) *bool { return &t.twoForms })},
		{"web-foreign-form", "", "has an image upload form that leads to another host", set(func(t *webTraits) *bool { return &t.foreign })},
		{"web-logs-out", "web-upload", "ends the session when an image arrives at its web page", set(func(t *webTraits) *bool { return &t.logsOut })},
		{"web-refuses", "web-upload", "refuses every image at its web page and does not restart", set(func(t *webTraits) *bool { return &t.refuses })},
		{"web-refuses-early", "web-upload", "refuses an image at its web page after half of it, and closes the connection", set(func(t *webTraits) *bool { return &t.early })},
		{"web-cuts", "web-upload", "resets the connection after half of an image at its web page", set(func(t *webTraits) *bool { return &t.cuts })},
		{"web-stalls", "web-upload", "stops reading after half of an image at its web page, and keeps the connection", set(func(t *webTraits) *bool { return &t.stalls })},
		{"web-says-ok-stays", "web-upload", "confirms an image at its web page, but neither installs it nor restarts", set(func(t *webTraits) *bool { return &t.staysOld })},
		{"web-huge-answer", "", "answers an image at its web page with a page of 1 GiB", set(func(t *webTraits) *bool { return &t.huge })},
		{"web-other-key-after", "", "has another key on its web page after an update", set(func(t *webTraits) *bool { return &t.otherKey })},
	}
}
