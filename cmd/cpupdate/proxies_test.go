package main

import (
	"slices"
	"testing"
)

// TestProxiesSet checks that a variable of Windows is named once.
func TestProxiesSet(t *testing.T) {
	t.Parallel()
	get := func(name string) string {
		if name == "HTTPS_PROXY" || name == "https_proxy" || name == "no_proxy" {
			return "x"
		}
		return ""
	}
	if got := proxiesSet(get, true); !slices.Equal(got, []string{"HTTPS_PROXY", "no_proxy"}) {
		t.Error(got)
	}
	if got := proxiesSet(get, false); !slices.Equal(got, []string{"HTTPS_PROXY", "https_proxy", "no_proxy"}) {
		t.Error(got)
	}
}
