package transfer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

func httpOddWants() map[string]want {
	unknownType := want{kinds: []transfer.Kind{transfer.KindUnproven}, code: 404, unsure: true, never: "DELETE"}
	redirected := want{kinds: []transfer.Kind{transfer.KindRedirect}, code: 302, never: "PUT"}
	certificate := want{kinds: []transfer.Kind{transfer.KindTLS, transfer.KindBroken}, has: "client certificate", never: "PUT"}
	return map[string]want{
		"iis-unknown-type":            unknownType,
		"unknown-type-no-webdav":      unknownType,
		"unknown-type-delete-403":     unknownType,
		"propfind-cut":                {},
		"put-200-not-done":            {kinds: unknownType.kinds, code: 404, unsure: true},
		"put-201-not-done":            {kinds: unknownType.kinds, code: 404, unsure: true},
		"missing-for-a-moment-403":    {kinds: []transfer.Kind{transfer.KindDenied}, code: 403},
		"missing-for-a-moment-409":    {kinds: []transfer.Kind{transfer.KindMissing}, code: 409},
		"missing-for-a-moment-500":    {kinds: []transfer.Kind{transfer.KindRefused}, code: 500},
		"login-page":                  redirected,
		"login-page-before-body":      redirected,
		"login-page-for-put":          {kinds: []transfer.Kind{transfer.KindRedirect}, code: 302},
		"missing-redirects":           {},
		"folder-wants-slash":          {},
		"client-certificate":          certificate,
		"client-certificate-tls12":    certificate,
		"client-certificate-400":      {kinds: []transfer.Kind{transfer.KindRefused}, code: 400, has: "client certificate"},
		"client-certificate-optional": {},
	}
}

// TestHTTPSClaims checks that an error claims what was tried, and that a file is sent under NoOverwrite only where it is known
// that there is none.
func TestHTTPSClaims(t *testing.T) {
	t.Parallel()
	rows := map[string]badserver.HTTPSRow{}
	for _, row := range badserver.HTTPSRows() {
		rows[row.Name] = row
	}
	const (
		exists   = transfer.KindExists
		unproven = transfer.KindUnproven
		redirect = transfer.KindRedirect
	)
	for _, c := range []struct {
		row         string
		noOverwrite bool
		old         bool // a file of the name is there
		try         bool
		kind        transfer.Kind
		saw, never  []string // requests
		text        string   // in the error
		notText     string
	}{
		{row: "iis-unknown-type", noOverwrite: true, old: true, kind: exists, saw: []string{"PROPFIND"}, never: []string{"PUT"}},
		{row: "iis-unknown-type", noOverwrite: true, kind: unproven, saw: []string{"PROPFIND", "PUT"}, text: "; may be there: https://"},
		{row: "iis-unknown-type", try: true, kind: unproven, saw: []string{"DELETE"}, notText: "there: "},
		{row: "unknown-type-delete-403", try: true, kind: unproven, saw: []string{"DELETE"}, text: "; left behind: https://"},
		{row: "head-404", noOverwrite: true, old: true, kind: exists, saw: []string{"GET"}, never: []string{"PUT"}},
		{row: "head-404", noOverwrite: true, kind: unproven, saw: []string{"GET", "PUT"}},
		{row: "propfind-cut", noOverwrite: true, saw: []string{"PROPFIND", "GET", "PUT"}},
		{row: "propfind-cut", noOverwrite: true, old: true, kind: exists, never: []string{"PUT"}},
		{row: "https-well-behaved", noOverwrite: true, saw: []string{"PUT"}},
		{row: "https-well-behaved", noOverwrite: true, old: true, kind: exists, never: []string{"PUT", "PROPFIND", "GET"}},
		{row: "https-well-behaved", saw: []string{"PUT"}, never: []string{"PROPFIND", "GET"}},
		{row: "login-page", kind: redirect, never: []string{"PUT", "DELETE"}, text: ": to /login", notText: "there"},
		{row: "login-page", noOverwrite: true, kind: redirect, never: []string{"PUT"}},
		{row: "login-page", try: true, kind: redirect, never: []string{"PUT"}},
		{row: "login-page-for-put", kind: redirect, notText: "there"},
		{row: "missing-redirects", noOverwrite: true, kind: redirect, never: []string{"PUT"}},
		{row: "304", kind: transfer.KindRefused, notText: "elsewhere"},
		{row: "301-to-nowhere", kind: redirect, text: "redirects elsewhere: 301 Moved Permanently: it names no address"},
		{row: "413-after-body", kind: transfer.KindFull, text: "sending: the file is larger than the server accepts: 413", notText: "no space"},
		{row: "507-after-body", kind: transfer.KindFull, text: "no space"},
		{row: "through-cut-and-head-403", kind: transfer.KindBroken, text: "; may be there: https://", never: []string{"DELETE"}},
		{row: "through-cut-and-delete-403", kind: transfer.KindBroken, text: "; left behind: https://", saw: []string{"DELETE"}},
		{row: "put-200-not-done", old: true, kind: unproven, never: []string{"DELETE"}, notText: "there: "},
		{row: "put-201-not-done", old: true, kind: unproven, never: []string{"DELETE"}, notText: "there: "},
		{row: "missing-for-a-moment-403", old: true, kind: transfer.KindDenied, saw: []string{"GET"}, never: []string{"DELETE"}},
		{row: "missing-for-a-moment-409", old: true, kind: transfer.KindMissing, saw: []string{"GET"}, never: []string{"DELETE"}},
		{row: "missing-for-a-moment-500", old: true, kind: transfer.KindRefused, saw: []string{"GET"}, never: []string{"DELETE"}},
		{row: "https-stores-less-delete-refused", kind: unproven, text: "; left behind: https://", saw: []string{"DELETE"}},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			row, ok := rows[c.row]
			if !ok {
				t.Fatal("no such row")
			}
			s := row.Start(t)
			if c.old {
				s.Put(badserver.Folder+"/"+name, []byte("the old one"))
			}
			u := upload(content(300 << 10))
			u.NoOverwrite = c.noOverwrite
			var err error
			if o := (transfer.Options{Trust: s.Trust()}); c.try {
				var store transfer.Store
				if store, err = transfer.Dial(t.Context(), s.Access(), o); err == nil {
					err = store.Try(t.Context())
					_ = store.Close()
				}
			} else {
				_, err = put(t.Context(), s.Access(), o, u)
			}
			s.WaitClosed()
			e := (*transfer.Error)(nil)
			if errors.As(err, &e); (err != nil) != (c.kind != "") || e != nil && e.Kind != c.kind {
				t.Errorf("%v, want %q", err, c.kind)
			}
			if err != nil && (!strings.Contains(err.Error(), c.text) || c.notText != "" && strings.Contains(err.Error(), c.notText)) {
				t.Errorf("%q, want %q, and not %q", err, c.text, c.notText)
			}
			for _, request := range slices.Concat(c.saw, c.never) {
				if s.Saw(request) != slices.Contains(c.saw, request) {
					t.Errorf("%s: seen %t", request, s.Saw(request))
				}
			}
			if got := s.Files()[badserver.Folder+"/"+name]; c.old && string(got) != "the old one" {
				t.Errorf("the old file is %q", got)
			}
			if c.try && err != nil && e.Left == "" && len(s.Files()) > 0 {
				t.Errorf("there are %d files", len(s.Files()))
			}
		})
	}
}
