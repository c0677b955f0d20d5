package wbm_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

const filePassword = "file+pass&word"

// transferPage is a page with a transfer form in an invented shape. Its token is new at each view.
const transferPage = `<html><title>OpenScape Desk Phone CP400 Admin</title><h2>Phone application</h2>%s<form name=page method=post action="page.cmd?lang=en">
<input type=hidden name=page_submit value=WEBM_Admin_FileTransferApp><input type=hidden name=token value="%s">
<table><tr><td>Filename<td><input name=fx1 maxlength=12 value=old><tr><td>After submit<td><select name=fx2><option value=9>start download<option value=5 selected>do nothing</select>
<tr><td>Download method<td><select name=fx3><option value=30>HTTPS<option value=20>FTP</select><tr><td>HTTPS base URL<td><input name=fx4 maxlength=40 value="https://old/">
<tr><td>FTP path<td><input name=fx5 maxlength=9><tr><td>Username<td><input name=fx6 maxlength=9 value=olduser><tr><td>Password<td><input type=password name=fx7 maxlength=24 value="***">
<tr><td>Account<td><input name=fx8><tr><td>Server port<td><input name=fx9 maxlength=5><tr><td>Server address<td><input name=fx10 maxlength=20 value="old.example">
<tr><td>Use default<td><input type=checkbox name=fx11 value=1 checked></table>
<input type=submit value=Submit><input type=reset value=Reset><input type=hidden name=kind value=23></form>`

// transferSite is a page with that form. answer answers it.
func transferSite(t *testing.T, n network, answer http.HandlerFunc) *site {
	t.Helper()
	s := newSiteOn(t, n)
	token := atomic.Int32{}
	s.pages["WEBM_Admin_FileTransferApp"] = func(w http.ResponseWriter, _ *http.Request) {
		text(w, transferPage, `<font color=red>*</font>`, fmt.Sprintf("t%d", token.Add(1)))
	}
	s.pages["login:WEBM_Admin_FileTransferApp"] = answer
	return s
}

// byFTP is a file on an FTP server.
func byFTP() wbm.Access {
	return wbm.Access{Server: "files.example", Name: "cp.img", Path: "/a b", Username: "cp", Password: secret.New(filePassword)}
}

// transfer visits the page, and submits the form.
func (s *site) transfer(ctx context.Context, o wbm.Options, a wbm.Access) (wbm.Answer, error) {
	v, err := wbm.Open(ctx, s.address, o)
	if err != nil {
		return wbm.Answer{}, err
	}
	defer v.Close()
	if err := v.Login(ctx, secret.New(password)); err != nil {
		return wbm.Answer{}, err
	}
	f, err := v.FindTransfer(ctx)
	if err != nil {
		return wbm.Answer{}, err
	}
	if local, remote := v.Ends(); local.String() != "127.0.0.1" || remote.String() != "127.0.0.1" {
		return wbm.Answer{}, fmt.Errorf("it is visited from %s, at %s", local, remote)
	}
	b, err := v.Prepare(ctx, f, a)
	if err != nil {
		return wbm.Answer{}, err
	}
	return b.Send(ctx)
}

// submitted returns what was sent for the form; "" if nothing was.
func (s *site) submitted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.logins) < 2 {
		return ""
	}
	return s.logins[1]
}

// TestTransfer checks what the form sends: every field in its order, hidden ones as they stand at the last view, and nothing of an
// old server to a new one.
func TestTransfer(t *testing.T) {
	t.Parallel()
	const hidden = "page_submit=WEBM_Admin_FileTransferApp&token=t2&"
	for name, c := range map[string]struct {
		access wbm.Access
		want   string
	}{
		"by ftp":   {byFTP(), "fx1=cp.img&fx2=9&fx3=20&fx4=https%3A%2F%2Fold%2F&fx5=%2Fa+b&fx6=cp&fx7=file%2Bpass%26word&fx8=&fx9=21&fx10=files.example&kind=23"},
		"by https": {wbm.Access{BaseURL: "https://files.example/x/", Name: "ä.img"}, "fx1=%C3%A4.img&fx2=9&fx3=30&fx4=https%3A%2F%2Ffiles.example%2Fx%2F&fx5=&fx6=&fx7=&fx8=&fx9=&fx10=old.example&kind=23"},
		"defaults": {wbm.Access{Defaults: true, Name: "cp.img", Server: "x", Username: "y"}, "fx1=cp.img&fx2=9&fx3=30&fx4=https%3A%2F%2Fold%2F&fx5=&fx6=olduser&fx7=***&fx8=&fx9=&fx10=old.example&fx11=1&kind=23"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var head http.Header
			s := transferSite(t, loopback{}, func(w http.ResponseWriter, r *http.Request) {
				head = r.Header.Clone()
				text(w, transferPage, `<font color=red>*</font><font color="green"><i>Transfer completed successfully</i></font>`, "t9")
			})
			a, err := s.transfer(t.Context(), s.options(t), c.access)
			if err != nil || a != (wbm.Answer{Status: 200, Words: "Transfer completed successfully", Completed: true}) {
				t.Errorf("%+v, %v", a, err)
			}
			want := strings.ReplaceAll(hidden+c.want, "***", "%2A%2A%2A")
			if got := s.submitted(); strings.ReplaceAll(got, "***", "%2A%2A%2A") != want {
				t.Errorf("%s\nwant %s", got, want)
			}
			host := "https://" + s.address
			if head.Get("Content-Type") != "application/x-www-form-urlencoded" || head.Get("Origin") != host || head.Get("Referer") != host+"/page.cmd?page=WEBM_Admin_FileTransferApp&lang=en" {
				t.Errorf("%v", head)
			}
		})
	}
}

// TestTransferTooLong checks that nothing is sent that is longer than a field takes, or for which there is no field.
func TestTransferTooLong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*wbm.Access)
		kind   wbm.Kind
		says   string
	}{
		"file name": {func(a *wbm.Access) { a.Name = "thirteen.imag" }, wbm.KindTooLong, `"Filename" (fx1): the value has 13 characters, and the field takes at most 12`},
		"base URL":  {func(a *wbm.Access) { a.BaseURL = "https://" + strings.Repeat("x", 40) + "/" }, wbm.KindTooLong, `"HTTPS base URL" (fx4): the value has 49`},
		"password":  {func(a *wbm.Access) { a.Password = secret.New(filePassword + strings.Repeat("x", 20)) }, wbm.KindTooLong, `"Password" (fx7): the value has 34 characters, and the field takes at most 24`},
		"username":  {func(a *wbm.Access) { a.Username = "someone else" }, wbm.KindTooLong, `"Username" (fx6)`},
		"path":      {func(a *wbm.Access) { a.Path = "/long/path" }, wbm.KindTooLong, `"FTP path" (fx5)`},
		"port":      {func(a *wbm.Access) { a.Port = 123456 }, wbm.KindTooLong, `"Server port" (fx9)`},
		"server":    {func(a *wbm.Access) { a.Server = strings.Repeat("s", 21) }, wbm.KindTooLong, `"Server address" (fx10)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := transferSite(t, loopback{}, nil)
			access := byFTP()
			c.change(&access)
			_, err := s.transfer(t.Context(), s.options(t), access)
			if kind(err) != c.kind || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), filePassword) {
				t.Errorf("%v", err)
			}
			if got := s.submitted(); got != "" {
				t.Errorf("it sends %s", got)
			}
		})
	}
}

// TestTransferPages checks which forms are found, and which are refused.
func TestTransferPages(t *testing.T) {
	t.Parallel()
	good := fmt.Sprintf(transferPage, "", "t")
	swap := func(from, to string) string { return strings.ReplaceAll(good, from, to) }
	for name, c := range map[string]struct {
		page string
		kind wbm.Kind
		says string
	}{
		"found":                        {good, "", ""},
		"by multipart":                 {swap("method=post", "method=post enctype=multipart/form-data"), "", ""},
		"a logo, hidden":               {swap("value=23", "value=LOGO"), wbm.KindNoForm, "(logo)"},
		"a logo, by the field's name":  {swap("name=fx1 ", "name=dl-lgo-file "), wbm.KindNoForm, "(lgo)"},
		"an LDAP template":             {swap("<h2>Phone application</h2>", "<h2>LDAP template</h2>"), wbm.KindNoForm, "(ldap)"},
		"a ring tone":                  {swap("value=WEBM_Admin_FileTransferApp", "value=WEBM_Admin_Ringer"), wbm.KindNoForm, "(ring"},
		"a screensaver":                {swap("<h2>Phone application</h2>", "<h2>Phone application: screensaver</h2>"), wbm.KindNoForm, "(screensaver)"},
		"nothing says what for":        {swap("<h2>Phone application</h2>", ""), wbm.KindNoForm, "nothing says what it is for"},
		"elsewhere":                    {swap(`action="page.cmd?lang=en"`, `action="https://127.0.0.2/"`), wbm.KindForeign, "fx1 of"},
		"without TLS":                  {swap(`action="page.cmd?lang=en"`, `action="http://127.0.0.1/"`), wbm.KindForeign, "fx1 of"},
		"two of them":                  {good + swap("fx1 ", "fy1 "), wbm.KindManyForms, "2 forms may be meant"},
		"told apart by what they hide": {good + swap("value=23", "value=24"), wbm.KindManyForms, "2 forms may be meant"},
		"by address":                   {swap("method=post", "method=get"), wbm.KindNoForm, "does not submit its fields"},
		"as plain text":                {swap("method=post", "method=post enctype=text/plain"), wbm.KindNoForm, "does not submit its fields"},
		"several buttons":              {swap("<input type=submit value=Submit>", "<button>A</button><button>B</button>"), wbm.KindNoForm, "several buttons"},
		"two names":                    {swap("Server port", "Filename"), wbm.KindNoForm, `two fields for "Filename"`},
		"no start":                     {swap("After submit", "Afterwards"), "", ""}, // its option says it
		"no start at all":              {swap("start download", "Herunterladen"), wbm.KindLacks, `"After submit" (fx2): it is not clear which option means "start download"`},
		"no ftp":                       {swap(">FTP<", ">TFTP<"), wbm.KindLacks, `"Download method" (fx3): it is not clear which option means "ftp"`},
		"no options":                   {swap("<option value=30>HTTPS<option value=20>FTP", ""), wbm.KindLacks, `"Download method" (fx3)`},
		"no user":                      {swap("Username", "Who"), wbm.KindLacks, `"Username": the form has no such field`},
		"five hundred more fields":     {swap("<input type=submit", strings.Repeat("<input name=n>", 500)+"<input type=submit"), "", ""},
		"no upload form is one":        {fmt.Sprintf(imagePage, "t"), wbm.KindNoForm, "no form makes the phone fetch a file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := transferSite(t, loopback{}, func(w http.ResponseWriter, _ *http.Request) { text(w, donePage) })
			s.pages["upload"] = s.pages["login:WEBM_Admin_FileTransferApp"]
			s.page("WEBM_Admin_FileTransferApp", c.page)
			_, err := s.transfer(t.Context(), s.options(t), byFTP())
			if kind(err) != c.kind || c.kind != "" && !strings.Contains(err.Error(), c.says) || c.kind == "" && err != nil {
				t.Errorf("%v", err)
			}
			if got := s.submitted(); c.kind != "" && (got != "" || len(s.parts) > 0) {
				t.Errorf("it sends %s", got)
			}
		})
	}
}

// TestTransferByMultipart checks a form for both ways: the field for a file is sent without one, as browsers do.
func TestTransferByMultipart(t *testing.T) {
	t.Parallel()
	s := transferSite(t, loopback{}, nil)
	s.page("WEBM_Admin_FileTransferApp", strings.Replace(fmt.Sprintf(transferPage, "", "t"), "method=post", `method=post enctype="multipart/form-data"><input type=file name="up load"`, 1))
	if _, err := s.transfer(t.Context(), s.options(t), byFTP()); err != nil {
		t.Fatal(err)
	}
	want := []part{{"up load", "", "application/octet-stream", ""}, {"page_submit", "", "", "WEBM_Admin_FileTransferApp"}, {"token", "", "", "t"}, {"fx1", "", "", "cp.img"}}
	for i, p := range want {
		if i >= len(s.parts) || s.parts[i] != p {
			t.Fatalf("part %d is not %+v: %+v", i, p, s.parts)
		}
	}
}

// TestTransferAnswers checks how the answer is understood: by its text and its colour, and where these contradict each other, not at
// all.
func TestTransferAnswers(t *testing.T) {
	t.Parallel()
	const done, failed = "Transfer completed successfully", "Transfer failed"
	for result, want := range map[string]wbm.Answer{
		`<font color=green><i>` + done + `</i></font>`: {Completed: true, Words: done},
		`<font color=red><i>` + failed + `</i></font>`: {Refusal: true, Words: failed},
		`<p>` + done:                 {Completed: true, Words: done},
		`<p>TRANSFER  <b>FAILED</b>`: {Refusal: true, Words: "TRANSFER FAILED"},
		`<font color="#00A000">Übertragung erfolgreich</font>`:             {Completed: true, Words: "Übertragung erfolgreich"},
		`<font color="#D00">Übertragung fehlgeschlagen</font>`:             {Refusal: true, Words: "Übertragung fehlgeschlagen"},
		`<p>Übertragung erfolgreich`:                                       {Words: "Übertragung erfolgreich"},
		`<font color=red>` + done + `</font>`:                              {Words: done},
		`<font color=green>` + failed + `</font>`:                          {Words: failed},
		`<p>` + done + `<p>` + failed:                                      {Words: done + " " + failed},
		`<font color=red>a</font><font color=green>b</font>`:               {Words: "a"},
		`<div class=error>broken</div>`:                                    {Refusal: true, Words: "broken"},
		``:                                                                 {},
		`<font color=red>cp.img</font>`:                                    {}, // it repeats what was filled in
		`<p>` + filePassword + ` is wrong`:                                 {Words: "[redacted] is wrong"},
		`<font color=red>` + strings.Repeat("x", 999) + `</font>` + "tail": {Refusal: true, Words: strings.Repeat("x", 300)},
	} {
		t.Run(fmt.Sprintf("%.40s", result), func(t *testing.T) {
			t.Parallel()
			s := transferSite(t, loopback{}, func(w http.ResponseWriter, _ *http.Request) {
				text(w, "%s", fmt.Sprintf(transferPage, "<font color=red>*</font>", "t9")+result)
			})
			want.Status = 200
			if got, err := s.transfer(t.Context(), s.options(t), byFTP()); err != nil || got != want {
				t.Errorf("%+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

// TestTransferErrors checks answers that are none. Whoever got the form may act on it, and the error says so.
func TestTransferErrors(t *testing.T) {
	t.Parallel()
	drip := func(w http.ResponseWriter, r *http.Request) {
		text(w, "<p>wait")
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Second)
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   wbm.Kind
		says   string
		took   time.Duration // at least
	}{
		"status": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden); text(w, "<p>No") }, wbm.KindRefused, "it refuses the form with status 403: No", 0},
		"login":  {func(w http.ResponseWriter, _ *http.Request) { text(w, "%s", loginPage) }, wbm.KindSession, "logged us out", 0},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://127.0.0.2/", http.StatusFound)
		}, wbm.KindForeign, "redirects elsewhere", 0},
		"again": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/page.cmd", http.StatusTemporaryRedirect)
		}, wbm.KindProtocol, "not sent again", 0},
		"cut":          {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, wbm.KindBroken, "", 0},
		"never":        {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, wbm.KindTimeout, "does not answer to its end", time.Minute},
		"never ending": {drip, wbm.KindTimeout, "does not answer to its end", time.Minute},
		"huge":         {func(w http.ResponseWriter, _ *http.Request) { text(w, "%s", strings.Repeat("x", 3<<20)) }, wbm.KindProtocol, "more than a page may be", 0},
		"late": {func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(50 * time.Second) // more than Timeout and Patience
			text(w, donePage)
		}, "", "", 50 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *testing.T, n network) {
				s := transferSite(t, n, c.answer)
				begun := time.Now()
				_, err := s.transfer(t.Context(), s.options(t), byFTP())
				if took := time.Since(begun); took < c.took || took > 2*time.Minute {
					t.Errorf("it took %s", took)
				}
				e := (*wbm.Error)(nil)
				if kind(err) != c.kind || c.kind != "" && (!strings.Contains(err.Error(), c.says) || !errors.As(err, &e) || !e.Whole) {
					t.Errorf("%#v", err)
				}
				posts := 0
				for _, line := range s.seen {
					if strings.HasPrefix(line, "POST ") {
						posts++
					}
				}
				if posts != 2 {
					t.Errorf("%d requests with a form", posts)
				}
			})
		})
	}
}

// TestTransferNotSent checks what keeps a form from being sent at all: then no error says that the phone may act on it.
func TestTransferNotSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then string // the page at the second view
		kind wbm.Kind
	}{
		"another form":  {strings.Replace(fmt.Sprintf(transferPage, "", "t"), "fx5", "fx55", 1), wbm.KindNoForm},
		"elsewhere now": {strings.Replace(fmt.Sprintf(transferPage, "", "t"), "page.cmd?lang=en", "//127.0.0.2/", 1), wbm.KindNoForm},
		"a logo now":    {strings.Replace(fmt.Sprintf(transferPage, "", "t"), "value=23", "value=logo", 1), wbm.KindNoForm},
		"shorter now":   {strings.Replace(fmt.Sprintf(transferPage, "", "t"), "maxlength=12", "maxlength=2", 1), wbm.KindTooLong},
		"twice now":     {fmt.Sprintf(transferPage+transferPage, "", "t", "", "u"), wbm.KindManyForms},
		"logged out":    {loginPage, wbm.KindSession},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := transferSite(t, loopback{}, nil)
			first := s.pages["WEBM_Admin_FileTransferApp"]
			s.pages["WEBM_Admin_FileTransferApp"] = func(w http.ResponseWriter, r *http.Request) {
				first(w, r)
				s.page("WEBM_Admin_FileTransferApp", c.then)
			}
			_, err := s.transfer(t.Context(), s.options(t), byFTP())
			if e := (*wbm.Error)(nil); kind(err) != c.kind || !errors.As(err, &e) || e.Whole || s.submitted() != "" {
				t.Errorf("%v, it sends %s", err, s.submitted())
			}
		})
	}
}

// TestTransferInterrupted checks that the connection is reset when the context ends.
func TestTransferInterrupted(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	ctx, cancel := context.WithCancelCause(t.Context())
	mine := errors.New("stopped")
	s := transferSite(t, loopback{}, func(_ http.ResponseWriter, r *http.Request) {
		cancel(mine)
		<-r.Context().Done()
		close(ended)
	})
	if _, err := s.transfer(ctx, s.options(t), byFTP()); !errors.Is(err, mine) {
		t.Error(err)
	}
	<-ended
}

// TestTransferUnreachable checks that a form that could not be sent is said not to be.
func TestTransferUnreachable(t *testing.T) {
	t.Parallel()
	s := transferSite(t, loopback{}, nil)
	v, err := wbm.Open(t.Context(), s.address, s.options(t))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if err := v.Login(t.Context(), secret.New(password)); err != nil {
		t.Fatal(err)
	}
	f, err := v.FindTransfer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Fit(f, byFTP()); err != nil {
		t.Error(err)
	}
	long := byFTP()
	long.Name = "thirteen.imag"
	if err := v.Fit(f, long); kind(err) != wbm.KindTooLong {
		t.Error(err)
	}
	b, err := v.Prepare(t.Context(), f, byFTP())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	_, err = b.Send(t.Context())
	if e := (*wbm.Error)(nil); kind(err) != wbm.KindUnreachable || !errors.As(err, &e) || e.Whole {
		t.Errorf("%#v", err)
	}
}
