package option

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// newTransferRoute is the route that the flags of push name.
func newTransferRoute(t *testing.T, args ...string) *Route {
	t.Helper()
	o := &Route{Command: "push"}
	parse(t, func(flags *pflag.FlagSet) {
		o.AddFlags(flags)
		o.Web.AddTransferFlags(flags)
		flags.StringVar(&o.Profile, "profile", "", "")
	}, args...)
	return o
}

// TestTransferRoute checks what --web means together with other routes.
func TestTransferRoute(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args                         string
		toPage, toServer, byTransfer bool
		bad                          string
	}{
		{"", false, true, false, ""},
		{"--serve", false, false, false, ""},
		{"--web", true, false, false, ""},
		{"--web --pin x --ca y --password-stdin", true, false, false, ""},
		{"--web --serve --pin x --ca y --password-stdin", false, false, true, ""},
		{"--web --serve --method ftp", false, false, true, ""},
		{"--web --server h", false, true, true, ""},
		{"--web --method https", false, true, true, ""},
		{"--web --use-defaults", false, true, true, ""},
		{"--web --profile x", false, true, true, ""},
		{"--web --use-defaults --server-password-file f", false, true, true, ""},
		{"--web --phone-defaults", false, false, true, ""},
		{"--web --phone-defaults --server h", false, true, true, ""},
		{"--web --phone-defaults --serve", false, false, true, "--phone-defaults and --serve"},
		{"--web --serve --server-password-file f", false, false, true, "--server-password-file"},
		{"--web --server-password-file f", true, false, false, "--server-password-file"},
		{"--server-password-file f", false, true, false, "--server-password-file"},
		{"--phone-defaults", false, true, false, "--phone-defaults"},
		{"--web --serve --profile x", false, false, true, "--profile"},
		{"--web --server h --use-defaults", false, true, true, "--server"},
	} {
		o := newTransferRoute(t, strings.Fields(c.args)...)
		err := o.Validate()
		if c.bad == "" && err != nil || c.bad != "" && (codeOf(err) != exit.CodeUsage || !strings.Contains(err.Error(), c.bad)) {
			t.Errorf("%s: %v", c.args, err)
		}
		if o.ToPage() != c.toPage || o.ToServer() != c.toServer || o.ByTransfer() != c.byTransfer {
			t.Errorf("%s: %t %t %t", c.args, o.ToPage(), o.ToServer(), o.ByTransfer())
		}
	}
}

// TestOfServer checks that with --web, no flag about the page is used for the server.
func TestOfServer(t *testing.T) {
	t.Parallel()
	o := newTransferRoute(t, "--web", "--server", "h", "--pin", "x", "--ca", "y", "--password-file", "page", "--server-password-file", "server")
	s := o.OfServer()
	if len(s.Trust.Given()) > 0 || s.Password.File != "server" || !s.Password.NoVariable || o.Password.File != "page" || len(o.Trust.Given()) != 2 {
		t.Errorf("%+v", s)
	}
	if o = newTransferRoute(t, "--server", "h", "--pin", "x"); o.OfServer() != o {
		t.Error("without --web it is the route itself")
	}
}
