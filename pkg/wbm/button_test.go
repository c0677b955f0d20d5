package wbm_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// TestButtons checks which button is pressed for an image, and which form is not sent because of its buttons and selections.
func TestButtons(t *testing.T) {
	t.Parallel()
	const upload, restore = `<input type=submit name=up value=Upload>`, `<input type=submit name=rst value="Restore factory defaults">`
	for _, c := range []struct {
		name, controls string
		sent           string // the button; "" if nothing is sent
		says           string
	}{
		{"one", upload, "up=Upload", ""},
		{"one that says nothing", `<input type=submit name=x value=y>`, "x=y", ""},
		{"one that starts the phone too", `<input type=submit name=x value="Upload and restart">`, "x=Upload and restart", ""},
		{"the second", restore + upload, "up=Upload", ""},
		{"the first", upload + restore, "up=Upload", ""},
		{"with a text of its own", `<button name=a value=1>Restore</button><button name=b value=2><b>Send</b></button>`, "b=2", ""},
		{"that cannot be used", upload + `<input type=submit name=a value=Send disabled>`, "up=Upload", ""},

		{"only one, for something else", restore, "", "(default)"},
		{"only one, for something else by its name", `<input type=submit name=DefaultsNow value=OK>`, "", "(default)"},
		{"only one, for something else by its text", `<button name=a>Delete all</button>`, "", "(delete)"},
		{"only one, for another file", `<input type=submit name=a value="Upload logo">`, "", "(logo)"},
		{"only one, that restarts the phone", `<input type=submit name=a value=Restart>`, "", "(restart)"},
		{"two that send", upload + `<input type=submit name=a value="Send">`, "", "several buttons"},
		{"two that do not", restore + `<input type=submit name=a value="Help">`, "", "several buttons"},
		{"two that say nothing", `<input type=submit name=a><input type=image name=b>`, "", "several buttons"},

		{"a choice", upload + `<select name=k><option>Logo<option selected>Bind</select>`, "up=Upload", ""},
		{"a choice of something else", upload + `<select name=k><option value=1>Bind<option value=4 selected>Logo</select>`, "", "(logo)"},
		{"a value of something else", upload + `<select name=k><option value=ringer>4</select>`, "", "(ringer)"},
		{"a box", upload + `<input type=checkbox name=RestoreDefaults>`, "up=Upload", ""},
		{"a box that is ticked", upload + `<input type=checkbox name=RestoreDefaults checked>`, "", "(restore)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.menu(links("Firmware"))
			s.page("Firmware", `<form action="page.cmd" `+takesFile+`><input type=file name=f>`+c.controls+`</form>`)
			_, err := s.visit(t, s.options(t), image("x"))
			if c.sent == "" {
				if kind(err) != wbm.KindNoForm || !strings.Contains(err.Error(), c.says) || len(s.parts) > 0 {
					t.Errorf("%v, want %q; sent %v", err, c.says, s.parts)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sent := []string{}
			for _, p := range s.parts {
				if p.name != "f" && p.name != "k" {
					sent = append(sent, p.name+"="+p.value)
				}
			}
			if !slices.Equal(sent, []string{c.sent}) {
				t.Errorf("sent %q, want %q", sent, c.sent)
			}
		})
	}
}

// TestButtonsChange checks that a form is not sent if its button has come to do something else.
func TestButtonsChange(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.menu(links("Firmware"))
	value := "Upload"
	s.pages["Firmware"] = func(w http.ResponseWriter, _ *http.Request) {
		text(w, `<form action="page.cmd" `+takesFile+`><input type=file name=f><input type=submit name=a value="%s"></form>`, value)
		value = "Restore"
	}
	if _, err := s.visit(t, s.options(t), image("x")); kind(err) != wbm.KindNoForm || len(s.parts) > 0 {
		t.Errorf("%v, sent %v", err, s.parts)
	}
}
