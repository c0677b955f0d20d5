package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// A secret prints as nothing but [redacted], however it is printed, alone or within something.
func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	type login struct {
		Username string
		Password secret.Secret
	}
	canary := secret.New("canary")
	within := login{"x", canary}
	redactor := secret.NewRedactor(canary)
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%p", "%T", "%10s", "%-10v"} {
		fmt.Fprintf(&printed, verb+"\n", canary)
		fmt.Fprintf(&printed, verb+"\n", &canary)
		fmt.Fprintf(&printed, verb+"\n", within)
		fmt.Fprintf(&printed, verb+"\n", []any{&within, map[string]secret.Secret{"x": canary}})
		fmt.Fprintf(&printed, verb+"\n", redactor)
	}
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, xml.Marshal} {
		text, err := marshal(within)
		if err != nil {
			t.Fatal(err)
		}
		printed.Write(text)
	}
	slog.New(slog.NewTextHandler(&printed, nil)).Info("x", "secret", canary, "within", within, "redactor", redactor)
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("x", "secret", canary, "within", within)
	fmt.Fprintln(&printed, canary, within, &within, redactor, &redactor)
	text := printed.String()
	for _, form := range []string{"canary", "63616e617279", "63616E617279", "Y2FuYXJ5", "99 97 110"} {
		if strings.Contains(text, form) {
			t.Errorf("%q is printed:\n%s", form, text)
		}
	}
	if !strings.Contains(text, "[redacted]") {
		t.Error("nothing says that there is a secret")
	}
	if canary.Reveal() != "canary" {
		t.Error("Reveal does not")
	}
	if s := fmt.Sprint(secret.Secret{}); s != "" || (secret.Secret{}).IsSet() || !secret.New("").IsSet() || secret.New("").String() == "" {
		t.Errorf("a secret that is not set prints as %q", s)
	}
}
