package htmlform

import (
	"net/url"
	"testing"
)

const (
	takesFile = `<form method=post enctype="multipart/form-data">`
	file      = `<input type=file name=f>`
)

// TestClassify checks what a form is taken for, by the words around it.
func TestClassify(t *testing.T) {
	t.Parallel()
	start := read(t, "<title>Admin</title><h1>Logo and Software</h1>")
	for _, c := range []struct{ name, page, reason string }{
		{"a heading", "<h2>Upgrade using  file</h2>" + takesFile + file, ""},
		{"a title", "<title>Software</title>" + takesFile + file, ""},
		{"a legend", takesFile + "<fieldset><legend>Firmware</legend>" + file, ""},
		{"a label before it", takesFile + "<table><tr><td>Application software<td>" + file, ""},
		{"a label of its own", takesFile + "<label for=i>Bind</label><br>x<br><input id=i type=file name=f>", ""},
		{"a label around it", takesFile + "<label><b>Phone application</b>" + file + "</label>", ""},
		{"a name", takesFile + "<input type=file name=dl-firmware-file>", ""},
		{"a hidden value", takesFile + file + "<input type=hidden name=page_submit value=WEBM_PhoneApplication>", ""},
		{"where it sends", `<form action="page.cmd?page=Upgrade">` + file, ""},
		{"a button that also restarts", "<h1>Firmware</h1>" + takesFile + file + `<input type=submit value="Upload and restart">`, ""},
		{"a language", "<h1>Firmware</h1>" + takesFile + file + "<select name=lang><option>Dictionary</select>", ""},

		{"nothing", takesFile + file, "nothing says what it is for"},
		{"a heading of every page", "<h1>Logo and Software</h1>" + takesFile + file, "nothing says what it is for"},
		{"another file", "<h1>Software</h1><h2>Ringer</h2>" + takesFile + file, "it is for something else (ringer)"},
		{"another name", "<h1>Software</h1>" + takesFile + "<input type=file name=dl-lgo-file>", "it is for something else (lgo)"},
		{"a button for something else", "<h1>Software</h1>" + takesFile + file + "<button>Delete</button>", "it is for something else (delete)"},
		{"a button that restarts", "<h1>Software</h1>" + takesFile + file + "<button>Reboot</button>", "it is for something else (reboot)"},
		{"a selection of something else", "<h1>Software</h1>" + takesFile + file + "<select name=k><option>Logo</select>", "it is for something else (logo)"},
		{"a box for something else", "<h1>Software</h1>" + takesFile + file + "<input type=checkbox name=Backup checked>", "it is for something else (backup)"},
	} {
		p := read(t, c.page)
		purpose := p.Forms[0].Classify([]*Page{start})
		if purpose.Reason() != c.reason || purpose.IsPhoneApplication() != (c.reason == "") {
			t.Errorf("%s: %+v, want %q", c.name, purpose, c.reason)
		}
	}
}

// TestLinkScore checks which links are followed first.
func TestLinkScore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"WEBM_Admin_PhoneApplication", "", 3},
		{"x", "Firmware upgrade", 3},
		{"Software", "", 2},
		{"x", "Maintenance", 1},
		{"WEBM_Admin_Lldp", "LLDP", 0},
		{"SoftwareLogo", "", -1},
	} {
		if got := LinkScore(c.name, c.text); got != c.want {
			t.Errorf("%s, %s: %d, want %d", c.name, c.text, got, c.want)
		}
	}
}

// TestForm checks where and how a form sends, and what its button changes of that.
func TestForm(t *testing.T) {
	t.Parallel()
	const base = `<base href="/dir/index.html">`
	for _, c := range []struct {
		form, target, mediaType string
		post, ambiguous         bool
	}{
		{`<form>`, "https://phone/page.cmd", URLEncoded, false, false},
		{`<form action=" " method=POST enctype=x>`, "https://phone/page.cmd", URLEncoded, true, false},
		{base + `<form action="x.cmd?a= b#c" enctype="Multipart/Form-Data">`, "https://phone/dir/x.cmd?a=%20b", Multipart, false, false},
		{`<form action=x><button formaction="//other/y" formmethod=post formenctype="text/plain">Go</button>`, "https://other/y", "text/plain", true, false},
		{`<form action=x method=post><button formaction=y>A</button><button>B</button>`, "https://phone/x", URLEncoded, true, true},
		{`<form action="https://[">`, "", URLEncoded, false, false},
	} {
		f := read(t, c.form).Forms[0]
		u, err := f.Target()
		if err == nil && u.String() != c.target || (err != nil) != (c.target == "") {
			t.Errorf("%s: sends to %v, %v", c.form, u, err)
		}
		if f.MediaType() != c.mediaType || f.IsPost() != c.post || f.IsAmbiguous() != c.ambiguous {
			t.Errorf("%s: %s, post is %t, ambiguous is %t", c.form, f.MediaType(), f.IsPost(), f.IsAmbiguous())
		}
	}
	f := read(t, `<form><input type=hidden name=a value=1><input type=hidden name=b value=2 disabled><input type=password name=c>`).Forms[0]
	if f.Hidden("a") != "1" || f.Hidden("b") != "" || len(f.Of("password")) != 1 || len(f.Of("file")) != 0 {
		t.Errorf("%+v", f)
	}
	if other := read(t, `<form><input type=hidden name=a value=3><input type=hidden name=b value=2 disabled><input type=password name=c>`).Forms[0]; f.Signature() != other.Signature() {
		t.Error("a value makes another form")
	}
	logo, app := read(t, `<form><input type=hidden name=X_FileType value=1>`).Forms[0], read(t, `<form><input type=hidden name=X_FileType value=2>`).Forms[0]
	if logo.Signature() == app.Signature() {
		t.Error("the type of the file makes no other form")
	}
}

// TestCharset checks how a page and what its forms send are encoded.
func TestCharset(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ mediaType, body, text, sent string }{
		{"text/html", "ä€", "ä€", "ä€"},
		{"text/html; charset=ISO-8859-1", "\xe4", "ä", "\xe4&#8364;"},
		{"", "<meta charset=latin1>\xe4", "ä", "\xe4&#8364;"},
		{"", "\xe4", "ä", "\xe4&#8364;"},
		{"no type", "ä", "ä", "ä€"},
	} {
		p, err := Read(&url.URL{Path: "/"}, c.mediaType, []byte(c.body))
		if err != nil || p.Text != c.text || p.Encode("ä€") != c.sent {
			t.Errorf("%s, %q: %q, sends %q, %v", c.mediaType, c.body, p.Text, p.Encode("ä€"), err)
		}
	}
	plain := ReadText(&url.URL{Path: "/"}, "text/plain", []byte("Not  <b>\nfound"))
	if plain.Text != "Not <b> found" || !Contains([]*Page{plain}, "not <b> found") || Contains(nil, "") || plain.Links != nil {
		t.Errorf("%+v", plain)
	}
}

// TestPageKey checks which links lead to the same page.
func TestPageKey(t *testing.T) {
	t.Parallel()
	for reference, want := range map[string]string{
		"page.cmd?page=A&lang=de": "/page.cmd?page=A", "/page.cmd?lang=en&page=A&user=Admin#x": "/page.cmd?page=A", "/a.html?x=1": "/a.html", "?<\"": "/",
	} {
		u, err := Resolve(&url.URL{Scheme: "https", Host: "phone", Path: "/"}, reference)
		if err != nil || PageKey(u) != want {
			t.Errorf("%s: %v, %v", reference, u, err)
		}
	}
}
