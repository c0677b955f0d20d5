package main

import (
	"strings"
	"testing"
	"time"
)

// TestVersions writes versions as dpkg, rpm and apk have them.
func TestVersions(t *testing.T) {
	t.Parallel()
	for version, want := range map[string][2]string{
		"1.2.3":                               {"1.2.3", "1.2.3-r0"},
		"1.2.3-rc.1":                          {"1.2.3~rc.1", "1.2.3_rc1-r0"},
		"1.2.3-beta2":                         {"1.2.3~beta2", "1.2.3_beta2-r0"},
		"0.0.0-20261130022517-9aa71d3de774":   {"0.0.0~20261130022517.9aa71d3de774", "0.0.0_pre20261130022517-r0"},
		"1.2.4-0.20261130022517-9aa71d3de774": {"1.2.4~0.20261130022517.9aa71d3de774", "1.2.4_pre20261130022517-r0"},
		"1.2.3-rc.1.0.20261130022517-9aa71d3de774": {"1.2.3~rc.1.0.20261130022517.9aa71d3de774", "1.2.3_rc1_p20261130022517-r0"},
		"1.2.3-next": {"1.2.3~next", ""},
	} {
		if got, err := tildeVersion(version); got != want[0] || err != nil {
			t.Errorf("%s: %s, %v, want %s", version, got, err, want[0])
		}
		if got, err := apkVersion(version); got != want[1] || (err != nil) != (want[1] == "") {
			t.Errorf("%s: %s, %v, want %s", version, got, err, want[1])
		}
	}
}

// TestSourceDate reads the time of all files.
func TestSourceDate(t *testing.T) {
	t.Parallel()
	const commit = "2026-11-30T02:25:17Z"
	for epoch, want := range map[string]string{"": commit, "0": "1970-01-01T00:00:00Z", "1796005517": "2026-11-30T02:25:17Z", "-1": "", "today": "", "1e9": ""} {
		got, err := sourceDate(epoch, commit)
		if err == nil != (want != "") || err == nil && got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q: %s, %v, want %s", epoch, got, err, want)
		}
	}
	if _, err := sourceDate("", "yesterday"); err == nil {
		t.Error("a date that is none")
	}
}

// TestAuthorities fails if the list of authorities is about to become empty.
func TestAuthorities(t *testing.T) {
	t.Parallel()
	if n := strings.Count(string(authorities()), "BEGIN CERTIFICATE"); n < 100 {
		t.Errorf("%d authorities", n)
	}
}
