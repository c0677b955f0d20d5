package phonesim_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// The rules as literal expectations: what the image says, what the phone has, and what becomes of it.
func TestRules(t *testing.T) {
	t.Parallel()
	v := func(text string) bind.Version {
		version, err := bind.ParseVersion(text)
		fatal(t, err)
		return version
	}
	for name, test := range map[string]struct {
		levels  string // of the image, "" for none
		version string
		models  []string
		family  string
		phone   func(*phonesim.Config)
		refused string // "" if it is installed
	}{
		"level within":            {levels: "1-3, 5"},
		"lowest level":            {levels: "3-4"},
		"highest level":           {levels: "2-3"},
		"level between ranges":    {levels: "1-2, 4", refused: "hardware level 3 is not supported"},
		"level above":             {levels: "1-2", refused: "hardware level 3 is not supported"},
		"level below":             {levels: "4-9", refused: "hardware level 3 is not supported"},
		"level lifted":            {levels: "4-9", phone: func(c *phonesim.Config) { c.Override = true }},
		"no own level":            {levels: "1-9", phone: func(c *phonesim.Config) { c.Level = 0 }, refused: "hardware level 0 is not supported"},
		"no own level, no levels": {phone: func(c *phonesim.Config) { c.Level = 0 }},
		"levels beat the minimum": {levels: "3", version: "V1 R2.0.0", phone: func(c *phonesim.Config) { c.Minimum = v("V1 R4.0.0") }},
		"minimum equal":           {version: "V1 R4.0.0", phone: func(c *phonesim.Config) { c.Minimum = v("V1 R4.0.0") }},
		"above the minimum":       {version: "V1 R10.0.0", phone: func(c *phonesim.Config) { c.Minimum = v("V1 R9.0.0") }},
		"below the minimum":       {version: "V1 R9.0.0", phone: func(c *phonesim.Config) { c.Minimum = v("V1 R10.0.0") }, refused: "its version is below V1 R10.0.0"},
		"below the minimum, lifted": {version: "V1 R3.9.9", phone: func(c *phonesim.Config) {
			c.Minimum, c.Override = v("V1 R4.0.0"), true
		}},
		"older than what runs": {version: "V1 R1.0.0"},
		"every model":          {levels: "3", models: []string{}},
		"a whole device type":  {levels: "3", models: []string{"OpenScape Desk Phone CP600"}},
		"other model":          {levels: "3", models: []string{"CP200", "CP205"}, refused: "it is for other models"},
		"other model, lifted": {
			levels: "3", models: []string{"CP200"}, phone: func(c *phonesim.Config) { c.Override = true },
			refused: "it is for other models",
		},
		"other family": {levels: "3", family: "OpenStage", models: []string{}, refused: "it is for another family"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *world) {
				image := cpb(t, func(b *bind.Builder) {
					b.Levels = bind.Levels{}
					if test.levels != "" {
						levels, err := bind.ParseLevels(test.levels)
						fatal(t, err)
						b.Levels = levels
					}
					if test.version != "" {
						b.Version = v(test.version)
					}
					if test.models != nil {
						b.Models = test.models
					}
					if test.family != "" {
						b.Family = test.family
					}
				})
				c := cp600()
				if test.phone != nil {
					test.phone(&c)
				}
				want := test.version
				if want == "" {
					want = "V1 R9.2.0"
				}
				decided(t, c, image, test.refused, want)
			})
		})
	}
}

// decided gives an image to a phone, and holds what it does against what it should: refuse for a reason, or run a version.
func decided(t *world, c phonesim.Config, image []byte, refused, version string) {
	t.Helper()
	s := newService(t)
	s.file = image
	p := start(t, c)
	s.say(solicit(t, p.Address(), s), "SoftwareDeployment", httpsItems(s, "normal")...)
	if refused != "" {
		if e := p.await(phonesim.Refused); !strings.HasPrefix(e.Detail, refused) {
			t.Errorf("it is refused because %s, want %s", e.Detail, refused)
		}
		asked := solicit(t, p.Address(), s)
		if got := asked.items["software-version"]; got != c.Version.String() || p.State().Restarts != 0 {
			t.Errorf("after the refusal it runs %s", got)
		}
		s.say(asked, "CleanUp")
		return
	}
	p.await(phonesim.Started)
	asked := solicit(t, p.Address(), s)
	if got := asked.items["software-version"]; got != version || p.State().Refusal != "" {
		t.Errorf("it runs %s, want %s", got, version)
	}
	s.say(asked, "CleanUp")
}

// TestDamage: a phone installs nothing that is not whole.
func TestDamage(t *testing.T) {
	t.Parallel()
	whole := cpb(t, nil)
	flip := func(at int) []byte {
		image := bytes.Clone(whole)
		image[at] ^= 1
		return image
	}
	for name, test := range map[string]struct {
		image   []byte
		refused string
	}{
		"whole":           {whole, ""},
		"payload":         {flip(len(whole) - 1), "the digest"},
		"first payload":   {flip(len(whole) - 160_000), "the digest"},
		"header":          {flip(0x50), "CPB header CRC-32"},
		"magic":           {flip(0), "not a bind"},
		"cut":             {whole[:len(whole)-1], "CPB"},
		"longer":          {append(bytes.Clone(whole), 0), "CPB"},
		"within a header": {whole[:70], "CPB"},
		"within a magic":  {whole[:5], "CPB magic"},
		"empty":           {nil, "the file is empty"},
		"no bind":         {bytes.Repeat([]byte("text "), 100), "not a bind"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *world) {
				decided(t, cp600(), test.image, test.refused, "V1 R9.2.0")
			})
		})
	}
}

// TestOpenStage: images of the observed layout are installed too; they state no levels, so the version decides.
func TestOpenStage(t *testing.T) {
	t.Parallel()
	build := func(b bind.OpenStageBuilder) []byte {
		b.Version = bind.Version{Major: 3, Release: 5, Fix: 12}
		payload := bytes.Repeat([]byte("old firmware"), 5000)
		var image bytes.Buffer
		fatal(t, b.Build(t.Context(), &image, io.NewSectionReader(bytes.NewReader(payload), 0, int64(len(payload)))))
		return image.Bytes()
	}
	newer := build(bind.OpenStageBuilder{Name: "OpenStage Hi", DeviceType: "OpenStage 40", SoftwareType: "Siemens SIP"})
	for name, test := range map[string]struct {
		image   []byte
		minimum bind.Version
		device  string
		refused string
	}{
		"with a trailer":    {image: newer, device: "OpenStage 40"},
		"without a trailer": {image: build(bind.OpenStageBuilder{Name: "OpenStage Hi"}), device: "OpenStage 40"},
		"other model":       {image: newer, device: "OpenStage 60", refused: "it is for other models"},
		"same class":        {image: newer, device: "OpenStage 20"},
		"gigabit variant":   {image: newer, device: "OpenStage 40G"},
		"other class":       {image: newer, device: "OpenStage 80", refused: "it is for other models"},
		"other family":      {image: newer, device: "OpenScape Desk Phone CP600", refused: "it is for another family"},
		"at the minimum":    {image: newer, device: "OpenStage 40", minimum: bind.Version{Major: 3, Release: 5, Fix: 12}},
		"below the minimum": {image: newer, device: "OpenStage 40", minimum: bind.Version{Major: 3, Release: 6}, refused: "its version is below"},
		"cut":               {image: newer[:len(newer)-1], device: "OpenStage 40", refused: "OpenStage"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *world) {
				c := cp600()
				c.DeviceType, c.SoftwareType, c.Minimum = test.device, "Siemens HFA", test.minimum
				c.Version = bind.Version{Major: 3, Release: 1, Fix: 41}
				decided(t, c, test.image, test.refused, "V3 R5.12.0")
			})
		})
	}
}
