package wbm_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// TestSimulatedPhones checks the outcome of a visit to each of the simulated phones.
func TestSimulatedPhones(t *testing.T) {
	t.Parallel()
	levels, err := bind.ParseLevels("3")
	noProblem(t, err)
	builder := &bind.Builder{
		Family: "OpenScape Desk Phone CP", Models: []string{"CP600"}, SoftwareType: "Unify HFA",
		Version: bind.Version{Major: 1, Release: 9, Fix: 2}, Levels: levels,
	}
	payload := strings.Repeat("software ", 400_000)
	var file bytes.Buffer
	noProblem(t, builder.Build(t.Context(), &file, image(payload).Content))
	for fault, c := range map[phonesim.Fault]struct {
		kind    wbm.Kind // "" if the page was sent the image, and answered
		refusal bool
		whole   bool
	}{
		"":                       {},
		"web-login-old":          {},
		"web-login-older":        {},
		"web-no-version":         {},
		"web-other-mac":          {},
		"web-hostile-text":       {},
		"web-menu-thousand":      {},
		"web-says-ok-stays":      {},
		"web-refuses":            {refusal: true},
		"web-refuses-early":      {kind: wbm.KindRefused},
		"web-cuts":               {kind: wbm.KindBroken},
		"web-stalls":             {kind: wbm.KindTimeout},
		"web-huge-answer":        {kind: wbm.KindProtocol, whole: true},
		"web-logs-out":           {kind: wbm.KindSession, whole: true},
		"web-tls-1.0":            {kind: wbm.KindTLS},
		"web-rsa-kex":            {kind: wbm.KindTLS},
		"web-redirect-http":      {kind: wbm.KindForeign},
		"web-slow-page":          {kind: wbm.KindTimeout},
		"web-password-suspended": {kind: wbm.KindLocked},
		"web-change-password":    {kind: wbm.KindChange},
		"web-menu-loop":          {kind: wbm.KindNoForm},
		"web-no-form":            {kind: wbm.KindNoForm},
		"web-logo-only":          {kind: wbm.KindNoForm},
		"web-two-forms":          {kind: wbm.KindManyForms},
		"web-foreign-form":       {kind: wbm.KindForeign},
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *testing.T, n network) {
				config := phonesim.Config{
					Network: n.(*memnet.Network),
					Listen:  "127.0.0.1:0", Web: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone CP600", MAC: "00:1A:E8:00:00:01", Level: 3,
					PartNumber: "S30817-S7403-A101-015", SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 4, Fix: 9}, Password: password,
				}
				if fault != "" {
					config.Faults = []phonesim.Fault{fault}
				}
				phone, err := phonesim.Start(config)
				noProblem(t, err)
				t.Cleanup(func() { noProblem(t, phone.Close()) })
				s := &site{address: phone.State().WebAddress}
				o := wbm.Options{TLS: believeAnybody(), Dial: n.Dial}
				got, err := s.visit(t, o, image(file.String()))
				e := (*wbm.Error)(nil)
				if errors.As(err, &e); err != nil && (e == nil || e.Kind != c.kind || e.Whole != c.whole && c.kind != wbm.KindTimeout) || err == nil && c.kind != "" {
					t.Fatalf("%+v: %v, want %q", e, err, c.kind)
				}
				if err == nil && got.Refusal != c.refusal {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// believeAnybody returns a TLS configuration for phones whose key is not known.
func believeAnybody() *tls.Config {
	c := trust.Policy{}.TLS("127.0.0.1")
	c.VerifyConnection = nil
	return c
}
