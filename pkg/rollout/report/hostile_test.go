package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

const evil = `<script>alert(1)</script>"'><img src=//evil.example/x onerror=alert(1)>{{.}}]]>-->`

// hostile is a rollout whose texts attack whoever shows them.
func hostile(t testing.TB) *sample {
	t.Helper()
	s := newSample(t, "evil "+evil[:40])
	s.plan.Images[0].Name = "=cmd|' /C calc'!A0.bind"
	s.phone(0, rollout.Phone{Address: "<script>alert(1)<", MAC: "=1+1", Note: evil + strings.Repeat("x", 10000), Site: "a;=1+1", Running: "V1\x1b[31m R4\u202e.9.0", Device: "\u202ecp\x00600", Override: "-" + evil})
	s.phone(0, rollout.Phone{Address: "-rf", Note: "\xff\xfe\u2028\u2029\ufeff", Running: strings.Repeat("\u202e", 4000)})
	s.phone(-1, rollout.Phone{Address: "=HYPERLINK(\"http://evil.example\")", Note: "@SUM(A1)", LeftWhy: "+" + evil})
	s.save()
	s.happens("", time.Hour, journal.RunBegun{Run: evil, By: journal.Origin{User: evil, Host: "\u202e"}, Route: journal.Route{Way: evil, Profile: evil}}, journal.Stopped{Reason: evil})
	s.happens("<script>alert(1)<", time.Hour, journal.Begun{Run: evil, Attempt: 1}, journal.Reported{Device: journal.Device{Type: evil, Version: "\x1b]0;evil\a", MAC: evil, SoftwareType: "\r\n"}},
		journal.Checked{Verdict: evil, Overrides: []journal.Override{{Rule: evil, Reason: evil}}}, journal.Unknown{Name: "from-tomorrow", Data: []byte(`{"a":1}`)},
		journal.Outcome{Result: journal.Failed, Failure: evil, Text: evil + strings.Repeat("\x1b", 10000), Version: evil, Took: -time.Hour})
	s.happens("-rf", time.Hour, journal.Begun{Run: "r1", Attempt: 1}, journal.LetGo{Run: "r1", Failure: "\u202e", Text: "\x1b[2J"}, journal.Note{Text: evil})
	return s
}
