package wpi_test

import (
	"os"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// TestPage: the messages that docs/wpi.md shows are what is read and written here.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/wpi.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```xml\n")[1:]
	if len(blocks) != 2 {
		t.Fatalf("%d messages", len(blocks))
	}
	phone, _, _ := strings.Cut(blocks[0], "```")
	if m, err := wpi.ParsePhoneMessage([]byte(phone)); err != nil || m.Reason != wpi.Solicited || len(m.Items) != 5 {
		t.Errorf("got %v, %v", m, err)
	}
	service, _, _ := strings.Cut(blocks[1], "```")
	want := serviceMessages(t)["software-https"]
	want.Nonce = "00112233445566778899AABBCCDDEEFF"
	if service != string(want.Marshal()) {
		t.Errorf("the page has\n%s\nwe send\n%s", service, want.Marshal())
	}
	for _, action := range []string{wpi.ActionReadItems, wpi.ActionCleanUp, wpi.ActionGetNextFragment, wpi.ContactPath, wpi.ServicePath, wpi.ItemSendSolicited} {
		if !strings.Contains(string(page), action) {
			t.Errorf("the page does not name %s", action)
		}
	}
}
