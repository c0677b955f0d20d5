package bind_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

func TestOpenStageFacts(t *testing.T) {
	tests := []struct {
		name                       string
		builder                    bind.OpenStageBuilder
		family, platform, software string
		models                     []string
	}{
		{"model in both", bind.OpenStageBuilder{Name: "OpenStage 40", DeviceType: "OpenStage 40", SoftwareType: "Siemens SIP"}, "OpenStage", "", "Siemens SIP", []string{"40"}},
		{"platform in the header", bind.OpenStageBuilder{Name: "OpenStage Hi", DeviceType: "OpenStage 60", SoftwareType: "Siemens HFA"}, "OpenStage", "OpenStage Hi", "Siemens HFA", []string{"60"}},
		{"no trailer", bind.OpenStageBuilder{Name: "OpenStage Hi"}, "OpenStage", "OpenStage Hi", "", nil},
		{"a single word", bind.OpenStageBuilder{Name: "opera"}, "", "opera", "", nil},
		{"letter behind the number", bind.OpenStageBuilder{Name: "OpenStage 40G"}, "OpenStage", "", "", []string{"40G"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.builder.Version = mustVersion(t, "V3 R5.12.0")
			f, err := open(t, buildOpenStage(t, &test.builder, strings.Repeat("p", 1000)))
			if err != nil {
				t.Fatal(err)
			}
			facts := f.Facts()
			if facts.Family.Value != test.family || facts.Platform.Value != test.platform || facts.SoftwareType.Value != test.software ||
				!slices.Equal(facts.Models.Value, test.models) || facts.Version.Value.String() != "V3 R5.12.0" {
				t.Errorf("family %q platform %q type %q models %q version %v", facts.Family.Value, facts.Platform.Value, facts.SoftwareType.Value, facts.Models.Value, facts.Version.Value)
			}
			if facts.Levels.Known() || facts.Integrity.Digest != bind.Absent || facts.Integrity.SHA256 == nil {
				t.Errorf("levels %v, digest %s", facts.Levels, facts.Integrity.Digest)
			}
			for _, field := range f.Fields() {
				if field.Confidence != bind.Observed {
					t.Errorf("%s is %s, not observed", field.Name, field.Confidence)
				}
			}
		})
	}
}

func TestOpenStageErrors(t *testing.T) {
	good := buildOpenStage(t, &bind.OpenStageBuilder{Name: "OpenStage 40", Version: mustVersion(t, "V3 R5.12.0"), DeviceType: "OpenStage 40", SoftwareType: "Siemens SIP"}, "payload")
	other := bytes.Replace(bytes.Clone(good), []byte("OpenStage 40\x00\x00\x00S"), []byte("OpenStage 60\x00\x00\x00S"), 1)
	longer := bytes.Clone(good)
	binary.BigEndian.PutUint32(longer, binary.BigEndian.Uint32(longer)+1)
	tests := []struct {
		name    string
		image   []byte
		problem bind.Problem
		field   string
	}{
		{"cut", good[:len(good)-1], bind.Damaged, "length of what follows"},
		{"only the header", good[:64], bind.Damaged, "length of what follows"},
		{"trailing byte", append(bytes.Clone(good), 0), bind.Damaged, "length of what follows"},
		{"length one too long", longer, bind.Damaged, "length of what follows"},
		{"another model in the trailer", other, bind.Disagrees, "device type"},
	}
	for _, test := range tests {
		_, err := open(t, test.image)
		var format *bind.FormatError
		if !errors.As(err, &format) || format.Problem != test.problem || format.Field != test.field {
			t.Errorf("%s: got the error %v", test.name, err)
		}
	}
	for name, bend := range map[string]func(image []byte){
		"no name":            func(image []byte) { image[0x20] = 0 },
		"name not ASCII":     func(image []byte) { image[0x21] = 0xC3 },
		"no version":         func(image []byte) { clear(image[0x30:0x40]) },
		"version unreadable": func(image []byte) { image[0x30] = 'W' },
	} {
		image := bytes.Clone(good)
		bend(image)
		if _, err := open(t, image); !errors.Is(err, bind.ErrNotBind) {
			t.Errorf("%s: got the error %v, want ErrNotBind", name, err)
		}
	}
}

// TestNoTrailerInPayload checks that the payload of an older image is not read as a trailer.
func TestNoTrailerInPayload(t *testing.T) {
	for _, payload := range []string{
		strings.Repeat("x", 0x128), "OpenStage 60" + strings.Repeat("\x00", 0x128-12), strings.Repeat("OpenX", 60)[:0x128],
		"Siemens SIP\x00\x00\x00OpenStage 40" + strings.Repeat("\x00", 0x128-26),
	} {
		f, err := open(t, buildOpenStage(t, &bind.OpenStageBuilder{Name: "OpenStage Hi", Version: mustVersion(t, "V1 R4.9.0")}, payload))
		if err != nil {
			t.Fatal(err)
		}
		if f.Facts().SoftwareType.Known() {
			t.Errorf("payload %.20q was read as a trailer: %v", payload, f.Facts().SoftwareType)
		}
	}
}

func TestSplitDevice(t *testing.T) {
	for device, want := range map[string][2]string{
		"OpenScape Desk Phone CP600":  {"OpenScape Desk Phone CP", "CP600"},
		"OpenScape Desk Phone CP600E": {"OpenScape Desk Phone CP", "CP600E"},
		"OpenScape Desk Phone IP 35G": {"OpenScape Desk Phone IP", "35G"},
		"OpenStage 40":                {"OpenStage", "40"},
		"  OpenStage   40 ":           {"OpenStage", "40"},
		"CP600":                       {"", "CP600"},
		"":                            {"", ""},
	} {
		family, model := bind.SplitDevice(device)
		if family != want[0] || model != want[1] {
			t.Errorf("SplitDevice(%q) = %q, %q, want %q", device, family, model, want)
		}
	}
}

// FuzzOpenStageRoundTrip checks that an image with any names that the layout can hold reads back as written.
func FuzzOpenStageRoundTrip(f *testing.F) {
	f.Add("OpenStage Hi", uint16(3), uint16(5), "OpenStage 60", "Siemens SIP", []byte("payload"))
	f.Add("OpenStage 40", uint16(1), uint16(0), "", "", []byte{})
	f.Fuzz(func(t *testing.T, name string, major, release uint16, device, software string, payload []byte) {
		b := &bind.OpenStageBuilder{Name: name, Version: bind.Version{Major: major, Release: release}, DeviceType: device, SoftwareType: software}
		var out bytes.Buffer
		if err := b.Build(t.Context(), &out, section(payload)); err != nil {
			return
		}
		file, err := bind.NewFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
		var format *bind.FormatError
		if errors.As(err, &format) && format.Problem == bind.Disagrees {
			return // two models, which the builder does not check
		}
		if err != nil {
			t.Fatal(err)
		}
		facts := file.Facts()
		if facts.Version.Value != b.Version || !hasField(file, "name", name) {
			t.Errorf("wrote %q %v, read %v", name, b.Version, file.Fields())
		}
		if device != "" && (facts.SoftwareType.Value != software || !hasField(file, "device type", device)) {
			t.Errorf("wrote %q %q, read %v", device, software, file.Fields())
		}
	})
}

func hasField(f *bind.File, name, value string) bool {
	return slices.ContainsFunc(f.Fields(), func(field bind.Field) bool { return field.Name == name && field.Value == value })
}

// FuzzOpenStage checks that no bytes in the layout of an OpenStage image make the reader panic, hang or allocate much.
func FuzzOpenStage(f *testing.F) {
	for _, b := range []bind.OpenStageBuilder{
		{Name: "OpenStage Hi", Version: bind.Version{Major: 3}, DeviceType: "OpenStage 60", SoftwareType: "Siemens SIP"},
		{Name: "OpenStage 40", Version: bind.Version{Major: 1, Release: 4}},
	} {
		var out bytes.Buffer
		if err := b.Build(f.Context(), &out, section([]byte("payload"))); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes()[4:64], out.Bytes()[64:])
	}
	f.Fuzz(func(t *testing.T, header, rest []byte) {
		if len(header) < 60 {
			return
		}
		image := binary.BigEndian.AppendUint32(nil, uint32(len(rest)))
		image = append(append(image, header[:60]...), rest...)
		var file *bind.File
		var err error
		limitAllocation(t, func() { file, err = bind.NewFile(bytes.NewReader(image), int64(len(image))) })
		if err != nil {
			if file != nil {
				t.Fatalf("a file with the error %v", err)
			}
			return
		}
		for _, field := range file.Fields() {
			if !bytes.Equal(image[field.Offset:][:field.Length], field.Raw) {
				t.Errorf("%s: raw % x does not stand at 0x%X", field.Name, field.Raw, field.Offset)
			}
		}
	})
}
