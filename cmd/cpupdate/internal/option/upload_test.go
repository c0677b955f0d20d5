package option

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// newUpload is how a file is sent, as the flags say.
func newUpload(t *testing.T, args ...string) *Upload {
	t.Helper()
	o := &Upload{}
	parse(t, o.AddFlags, args...)
	return o
}

// TestUploadOptions checks valid and invalid flags.
func TestUploadOptions(t *testing.T) {
	got, err := newUpload(t, "--timeout=5s", "--retries=7", "--limit-rate=500k", "--verify=readback").Options("push")
	if err != nil || got.Timeout != 5*time.Second || got.Retries != 7 || got.Rate != 500<<10 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, flag := range []string{"--timeout=0s", "--retries=-1", "--retries=101", "--verify=x", "--limit-rate=x"} {
		if _, err := newUpload(t, flag).Options("push"); codeOf(err) != exit.CodeUsage || !strings.HasPrefix(err.Error(), strings.Split(flag, "=")[0]) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// TestParseRate checks valid and invalid rates.
func TestParseRate(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "500k": 500 << 10, "2M": 2 << 20, "1g": 1 << 30, "1024G": 1 << 40} {
		if got, err := parseRate(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "k", "1kb", "1.5M", "1025G", "9223372036854775807k", "1 k"} {
		if got, err := parseRate(text); err == nil {
			t.Errorf("%s: %d", text, got)
		}
	}
}

// TestOnlySent checks which flags have a meaning for uploads only.
func TestOnlySent(t *testing.T) {
	if name := newUpload(t, "--timeout=5s", "--limit-rate=1M", "--filename=x").OnlySent(); name != "" {
		t.Error(name)
	}
	for _, flag := range []string{"--mkdir", "--in-place", "--no-overwrite", "--verify=readback", "--retries=3"} {
		if got := "--" + newUpload(t, flag).OnlySent(); got != strings.Split(flag, "=")[0] {
			t.Errorf("%s: %s", flag, got)
		}
	}
}

// TestUploadValidate checks the names of the files, and flags that do not go with the method.
func TestUploadValidate(t *testing.T) {
	https, ftp := &Destination{Access: transfer.Access{Method: transfer.HTTPS}}, &Destination{Access: transfer.Access{Method: transfer.FTP}}
	for _, test := range []struct {
		d    *Destination
		args string
		name string
		bad  string
	}{
		{ftp, "--mkdir --in-place", "cp600.bind", ""},
		{https, "--filename x.bind", "x.bind", ""},
		{https, "--mkdir", "", "--mkdir"},
		{https, "--in-place", "", "--in-place"},
		{ftp, "--filename a/b", "", "--filename"},
	} {
		o := newUpload(t, strings.Fields(test.args)...)
		names, err := o.Names("push", "folder/cp600.bind")
		err = cmp.Or(err, o.Validate(test.d))
		if test.bad == "" && (err != nil || names[0] != test.name) || test.bad != "" && (codeOf(err) != exit.CodeUsage || !strings.Contains(err.Error(), test.bad)) {
			t.Errorf("%q: %q, %v", test.args, names, err)
		}
	}
}

// TestUploadNames checks the names of several images.
func TestUploadNames(t *testing.T) {
	if names, err := newUpload(t).Names("rollout run", "a/x.bind", "b/y.bind"); err != nil || !slices.Equal(names, []string{"x.bind", "y.bind"}) {
		t.Errorf("%q, %v", names, err)
	}
	if _, err := newUpload(t, "--filename", "z").Names("rollout run", "a/x.bind", "b/y.bind"); codeOf(err) != exit.CodeUsage {
		t.Errorf("one name for two: %v", err)
	}
}

// TestAccessGiven checks that settings are returned in a fixed order.
func TestAccessGiven(t *testing.T) {
	o := &Access{}
	parse(t, o.AddFlags, "--path=p", "--method=ftp", "--account=a")
	var names []string
	for _, s := range o.Given() {
		names = append(names, s.Name)
	}
	if !slices.Equal(names, []string{"method", "account", "path"}) {
		t.Errorf("%q", names)
	}
}
