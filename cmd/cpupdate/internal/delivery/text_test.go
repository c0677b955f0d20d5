package delivery

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestDraw checks the rows of the answer.
func TestDraw(t *testing.T) {
	m := machine.New(t)
	name := clitest.Image(t, "cp600.bind", nil)
	l, err := images.NewLoader(t.Context(), m.Console, m.Settings, bind.Open, images.Options{})
	if err != nil {
		t.Fatal(err)
	}
	file, im := l.LoadOpen(t.Context(), name)
	if im.Err != nil {
		t.Fatal(im.Err)
	}
	defer file.Close()
	verdict := hwcheck.Check(im.Facts, hwcheck.Phone{Level: []hwcheck.Claim[uint16]{{Value: 3, Origin: hwcheck.Flag}}}, hwcheck.Policy{})
	location := transfer.Location{Size: 1234, SHA256: &[32]byte{1}, Proofs: []transfer.Proof{transfer.ProofSize}, Duration: time.Second, Attempts: 1}
	for _, test := range []struct {
		event, origin string
		verdict       hwcheck.Verdict
		rows          string
	}{
		{"sent", "flags", verdict, "image check size payload sha256 proof time"},
		{"sent", "profile berlin", hwcheck.Verdict{}, "image settings size payload sha256 proof time"},
		{"dry-run", "flags", verdict, "image check size dry"},
	} {
		p := &upload{Delivery: &Delivery{Env: envOf(m), server: &option.Destination{Origin: test.origin}}, image: &Image{File: file, Read: im}, verdict: test.verdict}
		var out bytes.Buffer
		p.draw(&out, test.event, "ftp://h/\x1b", location)
		var rows []string
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   ") {
				rows = append(rows, strings.Fields(line)[0])
			}
		}
		if got := strings.Join(rows, " "); got != test.rows || !strings.Contains(out.String(), `ftp://h/\u{1b}`) || !strings.Contains(out.String(), "1234 bytes") {
			t.Errorf("%s, %s: %s\n%s", test.event, test.origin, got, &out)
		}
	}
}

// TestProofLine checks that each proof has a text of its own.
func TestProofLine(t *testing.T) {
	seen := map[string]bool{}
	for _, proof := range []transfer.Proof{transfer.ProofSize, transfer.ProofDigest, transfer.ProofReadBack} {
		line := proofLine(transfer.Location{Proofs: []transfer.Proof{proof}})
		if line == "" || seen[line] {
			t.Errorf("%s: %q", proof, line)
		}
		if longer := proofLine(transfer.Location{Proofs: []transfer.Proof{proof}, Replaced: true}); !strings.HasPrefix(longer, line+"; ") {
			t.Errorf("%s: %q", proof, longer)
		}
		seen[line] = true
	}
	if line := proofLine(transfer.Location{Proofs: []transfer.Proof{transfer.ProofSize, transfer.ProofDigest}}); strings.Count(line, "; ") != 1 {
		t.Error(line)
	}
}

// TestTimeLine checks the rate, and that the attempt is shown if it was not the first.
func TestTimeLine(t *testing.T) {
	for _, test := range []struct {
		l    transfer.Location
		want string
	}{
		{transfer.Location{Size: 3 << 20, Duration: 1500 * time.Millisecond, Attempts: 1}, "1.5 s at 2.0 MiB/s"},
		{transfer.Location{Size: 1 << 10, Duration: 12500 * time.Microsecond, Attempts: 1}, "13 ms at 80.0 KiB/s"},
		{transfer.Location{Size: 1, Duration: 0, Attempts: 3}, "0 ms at 1000 bytes/s"},
	} {
		got := timeLine(test.l)
		if !strings.Contains(got, test.want) || strings.HasSuffix(got, test.want) != (test.l.Attempts == 1) {
			t.Errorf("%+v: %s", test.l, got)
		}
	}
}

// TestImageLine checks that an image is called intact only after its digest was compared.
func TestImageLine(t *testing.T) {
	im := &images.Image{Facts: bind.Facts{
		SoftwareType: bind.Fact[string]{Value: "SIP"}, Version: bind.Fact[bind.Version]{Value: bind.Version{Major: 1}}, Family: bind.Fact[string]{Value: "CP"},
	}}
	plain := imageLine(im, bind.Facts{})
	if plain != "SIP V1 R0.0.0 for CP" {
		t.Error(plain)
	}
	intact := imageLine(im, bind.Facts{Integrity: bind.Integrity{Digest: bind.Right}})
	signed := imageLine(im, bind.Facts{Integrity: bind.Integrity{Digest: bind.Right, Signature: bind.Signature{State: bind.SignatureRight}}})
	if !strings.HasPrefix(intact, plain+", ") || !strings.HasPrefix(signed, intact+", ") {
		t.Errorf("%q, %q", intact, signed)
	}
}
