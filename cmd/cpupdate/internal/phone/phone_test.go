package phone

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// TestDocsJSONPhone compares the answer of phone with docs/json.md.
func TestDocsJSONPhone(t *testing.T) {
	section := clitest.Section(t, "json.md", "## Phones")
	targets := []fleet.Target{{Address: "192.0.2.50"}, {Address: "192.0.2.51"}}
	doc := newPhonesDoc(newAnswers(targets, []fleet.Result{{
		After: fleet.Device{Type: "a", SoftwareType: "b", Version: "c", PartNumber: "d", MAC: "e"},
	}, {Failure: &fleet.Failure{Kind: fleet.KindNoCall}}}, []Page{{Failure: &fleet.Failure{Kind: fleet.KindPageOdd}}, {Banner: wbm.Banner{Model: "f"}}}), advice.Context{})
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range regexp.MustCompile(`"([a-z_]+)":`).FindAllStringSubmatch(string(text), -1) {
		inError := slices.Contains([]string{"code", "name", "message", "hints", "retryable"}, key[1])
		if !inError && !strings.Contains(section, "`"+key[1]+"`") && !strings.Contains(section, `"`+key[1]+`"`) {
			t.Errorf("json.md does not know the field %s of phone", key[1])
		}
	}
}

// newConsole returns a console, and what is written to it.
func newConsole(width int) (con *console.Console, out, errOut *bytes.Buffer) {
	out, errOut = &bytes.Buffer{}, &bytes.Buffer{}
	return &console.Console{Out: out, Err: errOut, Width: width}, out, errOut
}

// newOptions are the flags of phone as they are without any.
func newOptions() Options {
	return Options{Timeout: 10 * time.Second, Listen: option.Listen{
		Listen: "127.0.0.1:0", Patience: 10 * time.Second, Interval: time.Second, Probe: time.Second, Parallel: 2,
	}}
}

// TestRun checks the answer and the error for phones that answer and one that does not.
func TestRun(t *testing.T) {
	var addresses []string
	for i, model := range []string{"CP600", "CP400"} {
		p, err := phonesim.Start(phonesim.Config{
			Listen: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone " + model, MAC: fmt.Sprintf("00:1A:E8:00:00:%02d", i+1),
			SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 4, Fix: 9}, Level: 3,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		addresses = append(addresses, p.Address())
	}
	con, out, errOut := newConsole(80)
	err := Run(t.Context(), con, newOptions(), append(addresses, "127.0.0.1:1"))
	if f := exit.Classify(err); f.Code != exit.CodePartial || !strings.Contains(f.Error(), "127.0.0.1:1 (unreachable)") {
		t.Errorf("%v\n%s", err, errOut)
	}
	for _, want := range append(addresses, "CP600", "CP400", "Unify HFA V1 R4.9.0", "00:1A:E8:00:00:02") {
		if strings.Count(out.String(), want) < 1 {
			t.Errorf("%q is missing\n%s", want, out)
		}
	}
	con, out, _ = newConsole(80)
	con.JSON = true
	if err := Run(t.Context(), con, newOptions(), addresses[:1]); err != nil {
		t.Fatal(err)
	}
	var doc phonesDoc
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || len(doc.Phones) != 1 || doc.Phones[0].Device.MAC != "00:1A:E8:00:00:01" || doc.Phones[0].Error != nil {
		t.Errorf("%v in %s", err, out)
	}
}

// TestRunRefused checks that invalid flags are refused before any phone is queried.
func TestRunRefused(t *testing.T) {
	noTime, noPatience, noList := newOptions(), newOptions(), newOptions()
	noTime.Timeout, noPatience.Listen.Patience, noList.List = 0, 0, "missing.csv"
	taken := newOptions()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken.Listen.Listen = l.Addr().String()
	for name, test := range map[string]struct {
		o         Options
		addresses []string
		code      exit.Code
	}{
		"nobody":      {newOptions(), nil, exit.CodeUsage},
		"no time":     {noTime, []string{"a"}, exit.CodeUsage},
		"no patience": {noPatience, []string{"a"}, exit.CodeUsage},
		"no list":     {noList, nil, exit.CodeSettings},
		"no address":  {newOptions(), []string{"x y"}, exit.CodeUsage},
		"no port":     {taken, []string{"127.0.0.1:1"}, exit.CodeSettings},
	} {
		con, out, _ := newConsole(80)
		if err := Run(t.Context(), con, test.o, test.addresses); exit.Classify(err).Code != test.code || out.Len() > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// drawn draws the answers of phones.
func drawn(width int, devices ...fleet.Device) string {
	con, out, _ := newConsole(width)
	var targets []fleet.Target
	var results []fleet.Result
	for i, d := range devices {
		r := fleet.Result{After: d}
		if d == (fleet.Device{}) {
			r.Failure = &fleet.Failure{Kind: fleet.KindNoCall, Msg: "it did not\x1bcall"}
		}
		targets, results = append(targets, fleet.Target{Address: fmt.Sprintf("192.0.2.%d", i+1)}), append(results, r)
	}
	drawPhones(out, con, newAnswers(targets, results, nil))
	return out.String()
}

// TestDrawPhones checks the table: empty columns are left out, and long names are shortened on a narrow terminal.
func TestDrawPhones(t *testing.T) {
	d := fleet.Device{Type: "OpenScape Desk Phone CP600", SoftwareType: "Unify HFA", Version: "V1 R4.9.0", MAC: "00:1A:E8:00:00:01"}
	text := drawn(120, d, fleet.Device{}, d)
	head, _, _ := strings.Cut(text, "\n")
	if strings.Contains(head, "part number") || !strings.Contains(head, "MAC") || strings.Count(text, "OpenScape Desk Phone CP600") != 2 || strings.Count(text, "\n") != 4 {
		t.Errorf("\n%s", text)
	}
	if strings.Count(text, `it did not\u{1b}call`) != 1 {
		t.Errorf("what a phone says is not escaped\n%s", text)
	}
	d.PartNumber = "S30817-S7720-A101-4"
	narrow := drawn(80, d, d)
	if strings.Contains(narrow, "OpenScape") || strings.Count(narrow, "CP600") != 2 || !strings.Contains(narrow, "part number") {
		t.Errorf("\n%s", narrow)
	}
}

// TestDrawPhone checks that a single phone has a row for each value.
func TestDrawPhone(t *testing.T) {
	text := drawn(80, fleet.Device{Type: "OpenStage 40", SoftwareType: "Siemens SIP", Version: "V3 R1.41.0"})
	if strings.Count(text, "\n  ") != 4 || !strings.HasPrefix(text, "192.0.2.1\n") || !strings.Contains(text, "Siemens SIP V3 R1.41.0") {
		t.Errorf("\n%s", text)
	}
	if text := drawn(80, fleet.Device{}); text != "" {
		t.Errorf("\n%s", text)
	}
}
