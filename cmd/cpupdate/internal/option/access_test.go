package option

import (
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// What flags say of a server becomes access data, and what is wrong with them is the flag's.
func TestAccessOptions(t *testing.T) {
	o := Access{"ftps", "files.example", "2121", "acct", "cp", "firmware", "https://x/"}
	got, err := o.access("push")
	want := transfer.Access{
		Method: transfer.FTPS, Server: "files.example", Port: 2121, Account: "acct", Username: "cp", Path: "firmware", BaseURL: "https://x/",
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = (&Access{port: "0"}).access("push")
	if f := exit.Classify(err); f.Code != exit.CodeUsage || !strings.HasPrefix(f.Error(), "--port: ") || !slices.Equal(f.Hints, []string{"cpupdate help push"}) {
		t.Errorf("port 0: %v, %q", f, f.Hints)
	}
	ca := clitest.File(t, "ca.pem", []byte(clitest.Authority))
	policy, err := (&Trust{ca, []string{"sha256:" + strings.Repeat("0", 64)}}).Trust(t.Context(), "push")
	if err != nil || policy.Authorities == nil || len(policy.Pins) != 1 {
		t.Errorf("got %+v, %v", policy, err)
	}
	if _, err := (&Trust{Pins: []string{"x"}}).Trust(t.Context(), "push"); exit.Classify(err).Code != exit.CodeUsage {
		t.Errorf("a wrong pin: %v", err)
	}
	for _, name := range []string{clitest.File(t, "empty.pem", nil), ca + ".missing"} {
		if _, err := (&Trust{CA: name}).Trust(t.Context(), "push"); exit.Classify(err).Code != exit.CodeSettings {
			t.Errorf("%s: %v", name, err)
		}
	}
}
