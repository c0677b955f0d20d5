package console

import (
	"slices"
	"testing"
)

// TestFit leaves out what does not help in a run with --legacy-tls and --timeout.
func TestFit(t *testing.T) {
	flags := Flags{
		Given: func(name string) bool { return name == "legacy-tls" || name == "timeout" || name == "in-place" },
		Bool:  func(name string) bool { return name != "timeout" },
	}
	for _, test := range []struct{ hints, want []string }{
		{nil, nil},
		{[]string{"see the log"}, []string{"see the log"}},
		{[]string{"if it is an old phone, use --legacy-tls; update it with its service"}, []string{"update it with its service"}},
		{[]string{"use --legacy-tls"}, nil},
		{[]string{"with --legacy-tls, a cipher suite is missing; see the log"}, []string{"with --legacy-tls, a cipher suite is missing; see the log"}},
		{[]string{"with --serve, that is this machine; see the log", "b"}, []string{"see the log", "b"}},
		{[]string{"without --serve, see the server's log"}, []string{"without --serve, see the server's log"}},
		{[]string{"without --in-place, it is renamed; see the log"}, []string{"see the log"}},
		{[]string{"raise --timeout; use --timeout 60s"}, []string{"raise --timeout; use --timeout 60s"}}, // another value may help
		{[]string{"choose another name, or omit --no-overwrite; see the log"}, []string{"see the log"}},
		{[]string{"omit --in-place"}, []string{"omit --in-place"}},
		{[]string{"check --port with --verbose"}, []string{"check --port with --verbose"}}, // "with" in a sentence
		{[]string{"Try --in-place, which does not rename; Add --ca"}, []string{"Add --ca"}},
	} {
		if got := flags.Fit(test.hints); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, want %q", test.hints, got, test.want)
		}
		if got := (Flags{}).Fit(test.hints); !slices.Equal(got, test.hints) {
			t.Errorf("%q: %q without flags", test.hints, got)
		}
	}
}

// TestWhole adds where the journal is to the commands about rollouts in a text, and to nothing else.
func TestWhole(t *testing.T) {
	flags := Flags{Server: "--nats tls://a.example"}
	for text, want := range map[string]string{
		"to go on: cpupdate rollout resume spring, then cpupdate rollout run spring": "to go on: cpupdate rollout resume spring --nats tls://a.example, then cpupdate rollout run spring --nats tls://a.example",
		"to see them: cpupdate rollout status":                                       "to see them: cpupdate rollout status --nats tls://a.example",
		"cpupdate rollout run 'a; b'; or wait":                                       "cpupdate rollout run 'a; b' --nats tls://a.example; or wait",
		"cpupdate rollout plan IMAGE --phones FILE":                                  "cpupdate rollout plan IMAGE --nats tls://a.example --phones FILE",
		"see cpupdate help rollout plan":                                             "see cpupdate help rollout plan",
		"cpupdate push cp600.bind --phones site.csv":                                 "cpupdate push cp600.bind --phones site.csv",
	} {
		if got := flags.Whole(text); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		if got := (Flags{}).Whole(text); got != text {
			t.Errorf("without a server: %s", got)
		}
	}
}
