package fleet

import (
	"errors"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// TestRightPage checks that the page, the call and the list have to name the same phone.
func TestRightPage(t *testing.T) {
	t.Parallel()
	const first, second = "00:1A:E8:00:00:01", "00:1A:E8:00:00:02"
	for _, test := range []struct {
		name         string
		list, called string
		page         string
		last         bool
		taken        bool // another phone has that MAC address
		want         Kind
	}{
		{"nobody says anything", "", "", "", true, false, ""},
		{"the page alone", "", "", first, true, false, ""},
		{"another spelling", first, "", "001ae8000001", true, false, ""},
		{"the call and the page", "", first, first, true, false, ""},
		{"the call says another", "", first, second, false, false, KindAnotherPhone},
		{"the list says another", second, "", first, false, false, KindAnotherPhone},
		{"the list says another than the call", second, first, "", false, false, KindAnotherPhone},
		{"not said yet", first, "", "", false, false, ""},
		{"never said", first, "", "", true, false, KindAnotherPhone},
		{"one phone twice", "", "", first, false, true, KindDuplicate},
	} {
		f := &facts{
			target: &Target{MAC: test.list}, byCall: Device{MAC: test.called}, cut: redactor{}.cut,
			claim: func(string) bool { return !test.taken },
		}
		f.readPage(wbm.Facts{MAC: test.page})
		err := f.rightPageSoFar()
		if test.last {
			err = f.rightPage()
		}
		failure := (*Failure)(nil)
		if errors.As(err, &failure); (failure == nil) != (test.want == "") || failure != nil && (failure.Kind != test.want || failure.Msg == "") {
			t.Errorf("%s: %+v", test.name, failure)
		}
	}
}

// TestMAC checks that MAC addresses are normalised, and other texts are bounded.
func TestMAC(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "00-1a-e8-00-00-01": "00:1A:E8:00:00:01", "odd": "odd"} {
		if got := mac(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := mac(strings.Repeat("x", 2*maxShown)); len(got) > maxShown+len("...") {
		t.Errorf("%d bytes", len(got))
	}
}
