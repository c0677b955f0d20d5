package advice

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestStatusHints checks that the hint is about what the server said, and that what may be on the server is not said to be
// there.
func TestStatusHints(t *testing.T) {
	t.Parallel()
	certificate := fmt.Errorf("%w: why", transfer.ErrClientCertificate)
	for name, c := range map[string]struct {
		err        transfer.Error
		code       exit.Code
		hints      []string // parts of them, in order
		text, miss string
	}{
		"413":                 {transfer.Error{Kind: transfer.KindFull, Code: 413}, exit.CodeRejected, []string{"client_max_body_size"}, "larger than the server accepts", "free space"},
		"507":                 {transfer.Error{Kind: transfer.KindFull, Code: 507}, exit.CodeRejected, []string{"free space"}, "no space", "limit"},
		"552 of FTP":          {transfer.Error{Kind: transfer.KindFull, Code: 552}, exit.CodeRejected, []string{"free space"}, "no space", "limit"},
		"405":                 {transfer.Error{Kind: transfer.KindDenied, Code: 405}, exit.CodeRejected, []string{"allow PUT and DELETE"}, "", "rename"},
		"404 of PUT":          {transfer.Error{Op: "sending", Kind: transfer.KindMissing, Code: 404}, exit.CodeRejected, []string{"maxAllowedContentLength"}, "", "--path"},
		"404 after PUT":       {transfer.Error{Kind: transfer.KindUnproven, Code: 404, Left: "x", Unsure: true}, exit.CodeUnverified, []string{"MIME type", "look for x on the server"}, "; may be there: x", "disk"},
		"unproven otherwise":  {transfer.Error{Kind: transfer.KindUnproven, Left: "x"}, exit.CodeUnverified, []string{"disk", "remove x on the server: cpupdate could not"}, "; left behind: x", "MIME"},
		"redirect":            {transfer.Error{Kind: transfer.KindRedirect, Code: 302}, exit.CodeRejected, []string{"a page to log in"}, "", ""},
		"client certificate":  {transfer.Error{Kind: transfer.KindTLS, Err: certificate}, exit.CodeSettings, []string{"client certificate"}, "asks for a client certificate", "--legacy-tls"},
		"perhaps for want it": {transfer.Error{Kind: transfer.KindBroken, Err: certificate}, exit.CodeUnreachable, []string{"try again", "client certificate"}, "", ""},
		"403, perhaps for it": {transfer.Error{Kind: transfer.KindDenied, Code: 403, Err: certificate}, exit.CodeRejected, []string{"let this user write", "client certificate"}, "", ""},
	} {
		f := exit.Classify(TransferFailure("", &c.err))
		all := strings.Join(f.Hints, "\n")
		if f.Code != c.code || len(f.Hints) != len(c.hints) || !strings.Contains(f.Error(), c.text) || c.miss != "" && strings.Contains(f.Error()+all, c.miss) {
			t.Errorf("%s: %d, %v, %q", name, f.Code, f, f.Hints)
			continue
		}
		if doc := exit.NewErrorDoc(f); doc.Left != c.err.Left || doc.Unsure != c.err.Unsure {
			t.Errorf("%s: %+v", name, doc)
		}
		for i, part := range c.hints {
			if !strings.Contains(f.Hints[i], part) {
				t.Errorf("%s: hint %q, want %q", name, f.Hints[i], part)
			}
		}
	}
	if err := WithLeft(exit.Errorf(exit.CodeImage, "", "ours"), &transfer.Error{Left: "x", Unsure: true}); !strings.Contains(err.Error(), "ours; may be there: x") {
		t.Errorf("%v", err)
	}
}
