package transfer_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A secret prints as nothing but [redacted], however it is printed, alone or within something.
func TestSecretIsNeverPrinted(t *testing.T) {
	secret := transfer.NewSecret("canary")
	access := transfer.Access{Server: "x", Password: secret}
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%p", "%T", "%10s", "%-10v"} {
		fmt.Fprintf(&printed, verb+"\n", secret)
		fmt.Fprintf(&printed, verb+"\n", &secret)
		fmt.Fprintf(&printed, verb+"\n", access)
		fmt.Fprintf(&printed, verb+"\n", []any{&access, map[string]transfer.Secret{"x": secret}})
	}
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, xml.Marshal} {
		text, err := marshal(access)
		if err != nil {
			t.Fatal(err)
		}
		printed.Write(text)
	}
	slog.New(slog.NewTextHandler(&printed, nil)).Info("x", "secret", secret, "access", access)
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("x", "secret", secret, "access", access)
	fmt.Fprintln(&printed, secret, access, &access)
	text := printed.String()
	for _, form := range []string{"canary", "63616e617279", "63616E617279", "Y2FuYXJ5", "99 97 110"} {
		if strings.Contains(text, form) {
			t.Errorf("%q is printed:\n%s", form, text)
		}
	}
	if !strings.Contains(text, "[redacted]") {
		t.Error("nothing says that there is a secret")
	}
	if secret.Reveal() != "canary" {
		t.Error("Reveal does not")
	}
	if s := fmt.Sprint(transfer.Secret{}); s != "" || (transfer.Secret{}).IsSet() || !transfer.NewSecret("").IsSet() {
		t.Errorf("none at all prints as %q", s)
	}
}
