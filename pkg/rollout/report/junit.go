package report

import (
	"bufio"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
)

// Types of a JUnit document. They are what the schemas of Ant and of Jenkins have in common.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Package    string      `xml:"package,attr"`
		ID         int         `xml:"id,attr"`
		Name       string      `xml:"name,attr"`
		Timestamp  string      `xml:"timestamp,attr"`
		Hostname   string      `xml:"hostname,attr"`
		Tests      int         `xml:"tests,attr"`
		Failures   int         `xml:"failures,attr"`
		Errors     int         `xml:"errors,attr"`
		Skipped    int         `xml:"skipped,attr"`
		Time       string      `xml:"time,attr"`
		Properties properties  `xml:"properties"`
		Cases      []junitCase `xml:"testcase"`
		Out        string      `xml:"system-out"`
		Err        string      `xml:"system-err"`
	}
	properties struct {
		List []property `xml:"property"`
	}
	property struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string       `xml:"name,attr"`
		Class   string       `xml:"classname,attr"`
		Time    string       `xml:"time,attr"`
		Skipped *junitReason `xml:"skipped"`
		Error   *junitReason `xml:"error"`
		Failure *junitReason `xml:"failure"`
	}
	junitReason struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes a test suite a wave, and a test case a phone: CI systems show them. Phones that are left alone are in a suite
// of their own.
func (r *Report) WriteJUnit(w io.Writer) error {
	suites := junitSuites{Suites: make([]junitSuite, 0, len(r.Waves)+1)}
	add := func(name string, at time.Time, took time.Duration) {
		suites.Suites = append(suites.Suites, junitSuite{
			Package: display.Visible(cmp.Or(r.Rollout, "rollout")), ID: len(suites.Suites), Name: display.Visible(r.Rollout + ": " + name), Timestamp: at.UTC().Format("2006-01-02T15:04:05"),
			Hostname: display.Visible(cmp.Or(r.By.Host, "localhost")), Time: junitTime(took), Properties: r.properties(),
		})
	}
	for _, wave := range r.Waves {
		at, took := wave.Begun, time.Duration(0)
		if at.IsZero() {
			at = r.Planned
		}
		if !wave.Ended.IsZero() {
			took = wave.Ended.Sub(at)
		}
		add(waveName(wave), at, took)
	}
	if slices.ContainsFunc(r.Phones, func(p Phone) bool { return p.Wave == 0 }) {
		add(LeftAlone.Words(), r.Planned, 0)
	}
	for _, p := range r.Phones {
		at := p.Wave - 1
		if p.Wave == 0 {
			at = len(suites.Suites) - 1
		}
		suites.Suites[at].add(p)
	}
	return suites.write(w)
}

// write writes the document.
func (suites junitSuites) write(w io.Writer) error {
	out := bufio.NewWriter(w)
	_, _ = out.WriteString(xml.Header) // keeps its first error for Flush
	encoder := xml.NewEncoder(out)
	encoder.Indent("", " ")
	if err := encoder.Encode(suites); err != nil {
		return err
	}
	_ = out.WriteByte('\n')
	return out.Flush()
}

// A Case is a test case that is not about a rollout: it passed, it failed, or what it tests could not be determined.
type Case struct {
	Name    string
	Failure string   // why it failed
	Error   string   // why it cannot be determined
	Lines   []string // more about that
}

// WriteCases writes a JUnit document with one test suite. The images are its properties.
func WriteCases(w io.Writer, name string, at time.Time, images []string, cases []Case) error {
	s := junitSuite{
		Package: "cpupdate", Name: display.Visible(name), Timestamp: at.UTC().Format("2006-01-02T15:04:05"), Hostname: "localhost", Time: junitTime(0), Cases: []junitCase{},
	}
	for _, image := range images {
		s.Properties.List = append(s.Properties.List, property{"image", display.Visible(image)})
	}
	for _, c := range cases {
		var lines []string
		for _, line := range c.Lines {
			lines = append(lines, display.Visible(line))
		}
		text := strings.Join(lines, "\n")
		one := junitCase{Name: display.Visible(cmp.Or(c.Name, "unknown")), Class: s.Name, Time: junitTime(0)}
		switch {
		case c.Error != "":
			one.Error = &junitReason{Message: display.Visible(c.Error), Type: "unknown", Text: text}
			s.Errors++
		case c.Failure != "":
			one.Failure = &junitReason{Message: display.Visible(c.Failure), Type: "not compatible", Text: text}
			s.Failures++
		}
		s.Tests++
		s.Cases = append(s.Cases, one)
	}
	return junitSuites{Suites: []junitSuite{s}}.write(w)
}

// properties says what was rolled out.
func (r *Report) properties() properties {
	list := []property{{"by", display.Visible(byText(r.By))}, {"tool", display.Visible(r.By.Tool)}, {"state", string(r.State)}}
	for _, image := range r.Images {
		list = append(list, property{"image", display.Visible(joined(", ", image.Name, image.Version, "sha256 "+image.SHA256))})
	}
	return properties{list}
}

// add adds a phone.
func (s *junitSuite) add(p Phone) {
	c := junitCase{Name: display.Visible(cmp.Or(label(p.Address, p.Note), "unknown")), Class: s.Name, Time: junitTime(p.Took)}
	reason := &junitReason{Message: display.Visible(cmp.Or(p.Why, p.Outcome.Words())), Type: display.Visible(cmp.Or(p.Cause, string(p.Outcome)))}
	if p.Next != "" {
		reason.Text = display.Visible(joined(": ", reason.Type, p.Why)) + "\nnext: " + display.Visible(p.Next)
	}
	s.Tests++
	switch p.Outcome {
	case Failed:
		c.Failure = reason
		s.Failures++
	case NotKnown, NotDone:
		c.Error = reason
		s.Errors++
	case NotBegun, LeftAlone:
		reason.Type = ""
		c.Skipped = reason
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func waveName(w Wave) string { return fmt.Sprintf("wave %d, %s", w.Number, w.Name) }

// label returns the address with the beginning of the note.
func label(address, note string) string {
	if note == "" {
		return address
	}
	return fmt.Sprintf("%s (%s)", address, cut(note, 60))
}

func junitTime(d time.Duration) string { return fmt.Sprintf("%.3f", max(d, 0).Seconds()) }
