package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A changedFile is an image that becomes another file after it was checked, and before it is sent.
type changedFile struct {
	name          string
	before, after []byte
	descriptor    string // beside it
	field         string // of the error; "" if the image is sent as it was checked
	problem       bind.Problem
	offset        int64
}

// payloadOfSeveralChunks is sent in four writes at least, so that the last of them can be held back.
func payloadOfSeveralChunks() []byte {
	return bytes.Repeat([]byte("the payload of a phone\r\n"), 40_000)
}

func changedFiles(t *testing.T) []changedFile {
	t.Helper()
	parts := forge.Valid()
	parts.Payload = payloadOfSeveralChunks()
	cpb, header := parts.Image(), parts.HeaderLength()
	flipped := func(image []byte, at int64) []byte {
		image = bytes.Clone(image)
		image[at] ^= 1
		return image
	}
	other := forge.Valid()
	other.Payload = flipped(parts.Payload, 5)
	builder := bind.OpenStageBuilder{Name: "OpenStage Hi", Version: bind.Version{Major: 3, Release: 5}, DeviceType: "OpenStage 40", SoftwareType: "Siemens SIP"}
	var written bytes.Buffer
	payload := payloadOfSeveralChunks()
	if err := builder.Build(t.Context(), &written, io.NewSectionReader(bytes.NewReader(payload), 0, int64(len(payload)))); err != nil {
		t.Fatal(err)
	}
	openStage := written.Bytes()
	size := int64(len(openStage))
	kernel := forge.ValidKernel()
	kernel.Data = bytes.Repeat([]byte("a kernel"), 60_000) // more than one chunk
	withKernel := forge.ValidOpenStage().WithKernel(kernel)
	withKernel.Payload = append(withKernel.Payload, payload...)
	booting := withKernel.Image()
	describedKernel := fmt.Sprintf("schema = 1\nsha256 = '%x'\nsize = %d\n", sha256.Sum256(booting), len(booting))
	described := fmt.Sprintf("schema = 1\nsha256 = '%x'\nsize = %d\n", sha256.Sum256(payload), len(payload))
	const payloadSum, changed = "payload SHA-256", bind.Changed
	return []changedFile{
		{"CPB, first byte", cpb, flipped(cpb, 0), "", "header", changed, 0},
		{"CPB, a field", cpb, flipped(cpb, 80), "", "header", changed, 80},
		{"CPB, last byte of the header", cpb, flipped(cpb, header-1), "", "header", changed, header - 1},
		{"CPB, another image that is valid", cpb, other.Image(), "", "header", changed, 0x18},
		{"CPB, first byte of the payload", cpb, flipped(cpb, header), "", payloadSum, bind.Damaged, 0x18},
		{"CPB, last byte", cpb, flipped(cpb, int64(len(cpb))-1), "", payloadSum, bind.Damaged, 0x18},
		{"CPB, grown", cpb, append(bytes.Clone(cpb), "more"...), "", "", "", 0},
		{"OpenStage, length", openStage, flipped(openStage, 0), "", "header", changed, 0},
		{"OpenStage, last byte of the header", openStage, flipped(openStage, 63), "", "header", changed, 63},
		{"OpenStage, first byte of the trailer", openStage, flipped(openStage, size-0x128), "", "trailer", changed, size - 0x128},
		{"OpenStage, last byte", openStage, flipped(openStage, size-1), "", "trailer", changed, size - 1},
		{"OpenStage, the kernel's header", booting, flipped(booting, 0x60), "", "header", changed, 0x60},
		{"OpenStage, a byte of the kernel", booting, flipped(booting, 0x80), "", "kernel CRC-32", bind.Damaged, 0x58},
		{"described OpenStage, the kernel's header", booting, flipped(booting, 0x7F), describedKernel, "header", changed, 0x7F},
		{"described OpenStage, a byte of the kernel", booting, flipped(booting, 0x80), describedKernel, "kernel CRC-32", bind.Damaged, 0x58},
		{"described, first byte", payload, flipped(payload, 0), described, "sha256", bind.Disagrees, 11},
		{"described, last byte", payload, flipped(payload, int64(len(payload))-1), described, "sha256", bind.Disagrees, 11},
		{"described, grown", payload, append(bytes.Clone(payload), "more"...), described, "", "", 0},
	}
}

// TestPushOfChangedFile: what is sent is what was checked, by FTP and by HTTPS, or the last chunk is never sent. With --json
// the digest of the whole file is computed besides, which must make no difference.
func TestPushOfChangedFile(t *testing.T) {
	t.Parallel()
	for _, c := range changedFiles(t) {
		for _, method := range []transfer.Method{transfer.FTP, transfer.HTTPS} {
			for _, json := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s by %s, JSON %t", c.name, method, json), func(t *testing.T) {
					t.Parallel()
					s := startChangedServer(t, method)
					r := pushChanged(t, c, s, json, func(name string) error { return os.WriteFile(name, c.after, 0o600) })
					if c.field == "" {
						s.holds(t, r, c.before)
						return
					}
					uploads := 1
					sealed := c.before[0] == 0 && c.descriptor == ""           // an OpenStage image that states no digest
					if c.field == "header" || c.field == "trailer" || sealed { // noticed before a connection is opened, or with the first chunk
						uploads = 0
					}
					s.neverComplete(t, uploads, int64(len(c.before)))
					c.noticed(t, r, json)
				})
			}
		}
	}
}

// noticed checks that the error says where the file has changed.
func (c changedFile) noticed(t *testing.T, r ran, json bool) {
	t.Helper()
	right := strings.Contains(r.errOut, fmt.Sprintf(" %s at offset 0x%02X: ", c.field, c.offset))
	if json {
		e := r.failure(t)
		right = right && e.Field == c.field && e.Problem == string(c.problem) && *e.Offset == c.offset && len(e.Hints) > 0
	}
	if r.code != exit.CodeImage || !right {
		t.Errorf("exit code %d\n%s", r.code, r.errOut)
	}
}

// TestPushOfShrinkingFile: half of a file is never complete on a server.
func TestPushOfShrinkingFile(t *testing.T) {
	for _, c := range changedFiles(t) {
		if c.field != "" {
			continue // each kind of file once
		}
		for _, method := range []transfer.Method{transfer.FTP, transfer.HTTPS} {
			t.Run(c.name+" by "+string(method), func(t *testing.T) {
				t.Parallel()
				s := startChangedServer(t, method)
				r := pushChanged(t, c, s, true, func(name string) error { return os.Truncate(name, 700_000) })
				s.neverComplete(t, 1, 700_001)
				if r.code != exit.CodeImage || !strings.Contains(r.errOut, "the file ends at byte 700000, but had") || !strings.Contains(r.errOut, "wait until the program") {
					t.Errorf("exit code %d\n%s", r.code, r.errOut)
				}
			})
		}
	}
}

// A changedServer is a server that files are pushed to which change.
type changedServer struct {
	flags []string
	files func() map[string][]byte
	log   func() []badserver.Entry
	check func()
}

func startChangedServer(t *testing.T, method transfer.Method) changedServer {
	t.Helper()
	if method == transfer.FTP {
		s := badserver.NewFTP(t)
		return changedServer{canaryFlags(s.Access(), ""), s.Files, s.Log, s.WaitClosed}
	}
	s := badserver.NewHTTPS(t, badserver.WriteThrough)
	return changedServer{canaryFlags(s.Access(), s.Pin().String()), s.Files, s.Log, s.WaitClosed}
}

// pushChanged pushes an image, and changes it when it has been opened.
func pushChanged(t *testing.T, c changedFile, s changedServer, json bool, change func(name string) error) ran {
	t.Helper()
	image := clitest.File(t, "x.bind", c.before)
	if c.descriptor != "" {
		if err := os.WriteFile(image+bind.DescriptorSuffix, []byte(c.descriptor), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, out, errOut := testApp(t, nil)
	a.dial = dialPatiently
	a.open = func(name string) (*bind.File, error) {
		f, err := bind.Open(name)
		if err == nil {
			err = change(name)
		}
		return f, err
	}
	password := clitest.File(t, "password", []byte(badserver.Password))
	args := append([]string{"push", image, "--override", "--retries", "2", "--password-file", password}, s.flags...)
	args = append(args, "--username", badserver.User)
	if json {
		args = append(args, "--json")
	}
	code := run(t.Context(), a, args)
	s.check()
	return ran{code, out.String(), errOut.String()}
}

// holds checks that the file is there as it was checked.
func (s changedServer) holds(t *testing.T, r ran, want []byte) {
	t.Helper()
	if r.code != exit.CodeOK {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	files := s.files()
	for _, content := range files {
		if !bytes.Equal(content, want) {
			t.Error("the file on the server is not the one that was checked")
		}
	}
	if len(files) != 1 {
		t.Errorf("%d files are there", len(files))
	}
}

// begun is how many uploads the server was asked for.
func (s changedServer) begun() (n int) {
	for _, e := range s.log() {
		if e.Kind != badserver.Data && (strings.HasPrefix(e.Text, "STOR ") || strings.HasPrefix(e.Text, "PUT ")) {
			n++
		}
	}
	return n
}

// neverComplete checks that so many uploads were begun, none had all the bytes, and nothing is left.
func (s changedServer) neverComplete(t *testing.T, uploads int, size int64) {
	t.Helper()
	for _, e := range s.log() {
		if e.Bytes >= size {
			t.Errorf("%s: the server got all %d bytes", e.Text, e.Bytes)
		}
	}
	if files := s.files(); s.begun() != uploads || len(files) > 0 {
		t.Errorf("%d uploads, and %d files are there", s.begun(), len(files))
	}
}
