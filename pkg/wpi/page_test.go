package wpi_test

import (
	"os"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// TestPage: the messages that docs/wpi.md shows are what is read and written here, and the signed one in outline is read.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/wpi.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```xml\n")[1:]
	if len(blocks) != 3 {
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
	outline, _, _ := strings.Cut(blocks[2], "```")
	signed := strings.Replace(outline, ">...</DLSMessage>", `><Message nonce="N"><Action>CleanUp</Action></Message></DLSMessage>`, 1)
	if m, err := wpi.ParseServiceMessage([]byte(signed)); err != nil || m.Action != wpi.ActionCleanUp || m.Nonce != "N" {
		t.Errorf("%s: got %v, %v", signed, m, err)
	}
	for _, action := range []string{wpi.ActionReadItems, wpi.ActionCleanUp, wpi.ActionGetNextFragment, wpi.ContactPath, wpi.ServicePath, wpi.ItemSendSolicited} {
		if !strings.Contains(string(page), action) {
			t.Errorf("the page does not name %s", action)
		}
	}
}
