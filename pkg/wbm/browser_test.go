package wbm_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

func noProblem(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// browsed starts a phone with a web page, and returns its events.
func browsed(t *testing.T, faults ...phonesim.Fault) (*phonesim.Phone, chan phonesim.Event) {
	t.Helper()
	return browsedAs(t, phonesim.Config{Faults: faults})
}

// browsedAs starts one with faults and stored defaults.
func browsedAs(t *testing.T, c phonesim.Config) (*phonesim.Phone, chan phonesim.Event) {
	t.Helper()
	events := make(chan phonesim.Event, 1000)
	phone, err := phonesim.Start(phonesim.Config{
		Listen: "127.0.0.1:0", Web: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone CP600", MAC: "00:1A:E8:00:00:01", Level: 3,
		SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 4, Fix: 9}, Event: func(e phonesim.Event) { events <- e },
		Faults: c.Faults, Defaults: c.Defaults,
	})
	noProblem(t, err)
	t.Cleanup(func() { noProblem(t, phone.Close()) })
	return phone, events
}

// updated waits until the phone is back, and returns what it runs and the request that brought it.
func updated(t *testing.T, phone *phonesim.Phone, events chan phonesim.Event) (string, *phonesim.Upload) {
	t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		select {
		case e := <-events:
			if e.Kind == phonesim.Started {
				state := phone.State()
				return state.Version.String(), state.LastUpload
			}
		case <-limit:
			t.Fatalf("the phone does not restart: %+v", phone.State())
		}
	}
}

// TestBrowser checks that a person with a browser can do what this package does, and that both send the same form: what the
// phone sees of us is what it sees of a browser.
func TestBrowser(t *testing.T) {
	t.Parallel()
	browser := newChromium(t)
	image := browserImage(t)
	file := filepath.Join(t.TempDir(), `ü "cp600" %41.bind`) // what has to be escaped
	noProblem(t, os.WriteFile(file, image, 0o600))

	one, oneEvents := browsed(t, "web-transfer-one-form") // the longest form
	answer := byHand(browser, one.State().WebAddress, file)
	version, theirs := updated(t, one, oneEvents)
	if answer != "Transfer completed successfully" || version != "V1 R9.2.0" || one.State().Changes != 0 {
		t.Errorf("by hand: the page says %q, and the phone runs %s after %d changes", answer, version, one.State().Changes)
	}

	other, otherEvents := browsed(t, "web-transfer-one-form")
	byProgram(t, other.State().WebAddress, filepath.Base(file), image)
	version, ours := updated(t, other, otherEvents)
	if version != "V1 R9.2.0" || other.State().Changes != 0 {
		t.Errorf("by program: the phone runs %s after %d changes", version, other.State().Changes)
	}
	compare(t, theirs, ours)
}

// browserImage is an image that the simulated phones of these tests install.
func browserImage(t *testing.T) []byte {
	t.Helper()
	levels, err := bind.ParseLevels("3")
	noProblem(t, err)
	var image bytes.Buffer
	payload := bytes.Repeat([]byte("software "), 40_000)
	builder := &bind.Builder{
		Family: "OpenScape Desk Phone CP", Models: []string{"CP600"}, SoftwareType: "Unify HFA",
		Version: bind.Version{Major: 1, Release: 9, Fix: 2}, Levels: levels,
	}
	noProblem(t, builder.Build(t.Context(), &image, io.NewSectionReader(bytes.NewReader(payload), 0, int64(len(payload)))))
	return image.Bytes()
}

// byHand does what a person would, and returns what the page says in the end.
func byHand(c *chromium, address, file string) string {
	const button = `document.querySelector('form input[type="submit"]')`
	c.open("https://" + address + "/")
	c.click(`document.querySelector('input[type="password"]')`)
	c.enter(phonesim.DefaultPassword)
	c.loaded(func() { c.click(button) })
	c.loaded(func() {
		c.click(`[...document.querySelectorAll("#menu a")].find(a => a.innerText.includes("Phone application"))`)
	})
	c.choose(`document.querySelector('input[type="file"]')`, file)
	c.loaded(func() { c.click(button) })
	return c.text(".success")
}

// byProgram does the same with this package.
func byProgram(t *testing.T, address, name string, image []byte) {
	t.Helper()
	session, err := wbm.Open(t.Context(), address, wbm.Options{TLS: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}})
	noProblem(t, err)
	defer session.Close()
	noProblem(t, session.Login(t.Context(), secret.New(phonesim.DefaultPassword)))
	form, err := session.Find(t.Context())
	noProblem(t, err)
	content := io.NewSectionReader(bytes.NewReader(image), 0, int64(len(image)))
	answer, err := session.Upload(t.Context(), form, wbm.Image{Name: name, Content: content})
	noProblem(t, err)
	if answer.Refusal {
		t.Errorf("by program: the page says %q", answer.Words)
	}
}

// compare fails if two requests differ in anything but the token of the page and how long the separators of their parts are.
func compare(t *testing.T, theirs, ours *phonesim.Upload) {
	t.Helper()
	if theirs == nil || ours == nil || len(theirs.Parts) < 10 {
		t.Fatalf("the requests are not known: %+v and %+v", theirs, ours)
	}
	if theirs.Length <= 0 || ours.Length <= 0 || theirs.Method != ours.Method || theirs.Path != ours.Path {
		t.Errorf("a browser sends %s %s with %d bytes, we %s %s with %d", theirs.Method, theirs.Path, theirs.Length, ours.Method, ours.Path, ours.Length)
	}
	tokens := 0
	show := func(u *phonesim.Upload) (parts []string) {
		for _, p := range u.Parts {
			if p.Name == "WEBMv_Admin_Token" {
				tokens++
				p.Value, p.Length = "", 0
			}
			parts = append(parts, fmt.Sprintf("%+v", p))
		}
		return parts
	}
	if a, b := show(theirs), show(ours); !reflect.DeepEqual(a, b) || tokens != 2 {
		t.Errorf("a browser sends\n%s\nand we\n%s", lines(a), lines(b))
	}
}

func lines(parts []string) (text string) {
	for _, p := range parts {
		text += "  " + p + "\n"
	}
	return text
}
