package main

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// digests reads SHA256SUMS.
func (m *machine) digests() map[string]string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.release, "SHA256SUMS"))
	if err != nil {
		m.t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		digest, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		all[name] = digest
	}
	return all
}

// version returns the version of the release.
func (m *machine) version() string {
	return strings.Split(filepath.Base(m.file("linux_ARCH.deb")), "_")[1]
}

// TestFilesOfRelease fails if a file is missing, if one is there that does not belong there, or if one is not in SHA256SUMS.
func TestFilesOfRelease(t *testing.T) {
	m := newMachine(t)
	var want []string
	for _, end := range []string{
		"darwin_amd64.tar.gz", "darwin_arm64.tar.gz", "linux_amd64.tar.gz", "linux_arm64.tar.gz", "windows_amd64.zip", "windows_arm64.zip", "linux_amd64.deb", "linux_arm64.deb",
		"linux_amd64.rpm", "linux_arm64.rpm", "linux_amd64.apk", "linux_arm64.apk", "linux_amd64.oci.tar", "linux_arm64.oci.tar", "source.tar.gz",
	} {
		name := "cpupdate_" + m.version() + "_" + end
		want = append(want, name, name+billEnd)
	}
	want = append(want, "homebrew/cpupdate.rb", "scoop/cpupdate.json", "winget/cpupdate.cpupdate.installer.yaml", "winget/cpupdate.cpupdate.locale.en-US.yaml", "winget/cpupdate.cpupdate.yaml")
	var got []string
	for name, digest := range m.digests() {
		got = append(got, name)
		if is, err := fileDigest(filepath.Join(m.release, name)); err != nil || is != digest {
			t.Errorf("%s: %v", name, err)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("SHA256SUMS has %q, want %q", got, want)
	}
}

// TestArchives fails if an archive lacks a file that users need, or has one that is not below its folder, or one of somebody's.
func TestArchives(t *testing.T) {
	m := newMachine(t)
	for _, system := range targets() {
		name := fmt.Sprintf("cpupdate_%s_%s_%s", m.version(), system.os, system.arch)
		var files map[string][]byte
		if system.os == "windows" {
			files = m.unzip(filepath.Join(m.release, name+".zip"))
		} else {
			files = m.untar(filepath.Join(m.release, name+".tar.gz"))
		}
		for _, needed := range []string{
			system.program(), "LICENSE", "NOTICES.txt", "README.md", "docs/install.md", "docs/cli/cpupdate_push.md", "man/man1/cpupdate.1", "man/man1/cpupdate-push.1",
			"completions/cpupdate.bash", "completions/_cpupdate", "completions/cpupdate.fish", "completions/cpupdate.ps1",
		} {
			if len(files[name+"/"+needed]) == 0 {
				t.Errorf("%s: %s is missing", name, needed)
			}
		}
		for below := range files {
			if !strings.HasPrefix(below, name+"/") || path.Clean(below) != below {
				t.Errorf("%s contains %s", name, below)
			}
		}
		if size := len(files[name+"/"+system.program()]); size >= maxProgram {
			t.Errorf("%s: the program has %d bytes", name, size)
		}
		title, _, _ := bytes.Cut(files[name+"/man/man1/cpupdate.1"], []byte("\n"))
		if !regexp.MustCompile(`^\.TH "CPUPDATE" "1" "\d{4}-\d\d-\d\d" "cpupdate ` + regexp.QuoteMeta(m.version()) + `" `).Match(title) {
			t.Errorf("%s: the title of the man page is %s", name, title)
		}
	}
}

// unzip returns the files of a zip.
func (m *machine) unzip(name string) map[string][]byte {
	m.t.Helper()
	r, err := zip.OpenReader(name)
	if err != nil {
		m.t.Fatal(err)
	}
	defer r.Close()
	all := map[string][]byte{}
	for _, f := range r.File {
		if all[f.Name], err = fs.ReadFile(r, f.Name); err != nil {
			m.t.Fatal(err)
		}
	}
	return all
}

// TestNotices fails if a module that is linked has no licence in the notices.
func TestNotices(t *testing.T) {
	m := newMachine(t)
	notices := string(m.inArchive("NOTICES.txt"))
	bom := m.bill(m.file("linux_ARCH.tar.gz"))
	modules := 0
	for _, part := range *bom.Components {
		if part.Name != "std" && !strings.Contains(notices, "\n"+part.Name+" "+part.Version+", ") {
			t.Errorf("the notices do not have those of %s %s", part.Name, part.Version)
		}
		modules++
	}
	if modules < 25 || !strings.Contains(notices, "Go's standard library go1.") || !strings.Contains(notices, "Redistribution and use in source and binary forms") {
		t.Errorf("%d modules, %d bytes", modules, len(notices))
	}
}

// bill reads the bill of materials of an artifact.
func (m *machine) bill(artifact string) *cyclonedx.BOM {
	m.t.Helper()
	f, err := os.Open(artifact + billEnd)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	bom := new(cyclonedx.BOM)
	if err := cyclonedx.NewBOMDecoder(f, cyclonedx.BOMFileFormatJSON).Decode(bom); err != nil {
		m.t.Fatalf("%s: %v", artifact, err)
	}
	return bom
}

// TestBills fails if a bill of materials is about another file, or lacks a module or a licence.
func TestBills(t *testing.T) {
	m := newMachine(t)
	seen := map[string]bool{}
	for name, digest := range m.digests() {
		if !strings.HasPrefix(name, "cpupdate_") || strings.HasSuffix(name, billEnd) {
			continue
		}
		bom := m.bill(filepath.Join(m.release, name))
		main := bom.Metadata.Component
		if (*main.Hashes)[0].Value != digest || main.Version != "v"+m.version() || (*main.Properties)[0].Value != name || seen[bom.SerialNumber] {
			t.Errorf("%s: %+v", name, main)
		}
		seen[bom.SerialNumber] = true
		if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(bom.SerialNumber) {
			t.Errorf("%s: the serial number is %s", name, bom.SerialNumber)
		}
		var names []string
		for _, part := range *bom.Components {
			names = append(names, part.Name)
			if part.Type == cyclonedx.ComponentTypeLibrary && (part.Licenses == nil || !strings.HasPrefix(part.PackageURL, "pkg:golang/"+part.Name+"@")) {
				t.Errorf("%s: %+v", name, part)
			}
		}
		for _, module := range []string{"std", "github.com/spf13/cobra", "modernc.org/sqlite"} {
			if !slices.Contains(names, module) {
				t.Errorf("%s does not name %s", name, module)
			}
		}
		if windows, source := strings.Contains(name, "windows"), strings.Contains(name, "source"); slices.Contains(names, "github.com/danieljoos/wincred") != (windows || source) {
			t.Errorf("%s: what is linked for Windows only: %q", name, names)
		}
	}
	if len(seen) != 15 {
		t.Errorf("%d bills", len(seen))
	}
}

// TestManifests fails if a manifest has a digest that no archive has, or the same for two, or something that was not filled in.
func TestManifests(t *testing.T) {
	m := newMachine(t)
	digests := m.digests()
	link := regexp.MustCompile(`https://\S+/(cpupdate_[^"\s]+)`)
	digest := regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	for name, archives := range map[string]int{"homebrew/cpupdate.rb": 4, "scoop/cpupdate.json": 2, "winget/cpupdate.cpupdate.installer.yaml": 2, "winget/cpupdate.cpupdate.locale.en-US.yaml": 0, "winget/cpupdate.cpupdate.yaml": 0} {
		text, err := os.ReadFile(filepath.Join(m.release, name))
		if err != nil {
			t.Fatal(err)
		}
		links, sums := link.FindAllStringSubmatch(string(text), -1), digest.FindAllString(string(text), -1)
		if len(links) != archives || len(sums) != archives || strings.Contains(string(text), "{{") || strings.Contains(string(text), "<no value>") || !strings.Contains(string(text), m.version()) {
			t.Errorf("%s:\n%s", name, text)
			continue
		}
		for i, l := range links {
			if digests[l[1]] != sums[i] {
				t.Errorf("%s: the digest of %s is %s", name, l[1], sums[i])
			}
		}
		if strings.HasSuffix(name, ".json") && !json.Valid(text) {
			t.Errorf("%s is not JSON", name)
		}
	}
}

// TestAlpine reads the .apk as apk does: a compressed tar that says what the package is, and one with the files, whose digest the first has.
func TestAlpine(t *testing.T) {
	m := newMachine(t)
	data, err := os.ReadFile(m.file("linux_ARCH.apk"))
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(bytes.NewReader(data))
	control, _ := m.member(r)
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	files, _ := m.member(bufio.NewReader(bytes.NewReader(rest)))
	about := map[string]string{}
	for line := range strings.Lines(string(control[".PKGINFO"])) {
		key, value, found := strings.Cut(strings.TrimSpace(line), " = ")
		if found == strings.HasPrefix(line, "#") && line != "\n" {
			t.Errorf("the line %q", line)
		}
		about[key] = value
	}
	sum := sha256.Sum256(rest)
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	if about["pkgname"] != "cpupdate" || about["arch"] != arch || about["datahash"] != hex.EncodeToString(sum[:]) || !regexp.MustCompile(`^\d+\.\d+\.\d+(_(pre|p|rc|alpha|beta)\d+)*-r\d+$`).MatchString(about["pkgver"]) {
		t.Errorf("%q", about)
	}
	want := regexp.MustCompile(`^usr/(bin/cpupdate|share/(man/man1/cpupdate[a-z-]*\.1\.gz|bash-completion/completions/cpupdate|zsh/site-functions/_cpupdate|fish/vendor_completions\.d/cpupdate\.fish|licenses/cpupdate/(LICENSE|NOTICES\.txt)))$`)
	for name := range files {
		if !want.MatchString(name) {
			t.Errorf("%s is in the package", name)
		}
	}
	if len(files) < 38 || len(files["usr/bin/cpupdate"]) == 0 {
		t.Errorf("%d files", len(files))
	}
}

// member reads one compressed tar of several that follow one another.
func (m *machine) member(r *bufio.Reader) (files map[string][]byte, headers []*tar.Header) {
	m.t.Helper()
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		m.t.Fatal(err)
	}
	unzipped.Multistream(false)
	data, err := io.ReadAll(unzipped)
	if err != nil {
		m.t.Fatal(err)
	}
	return m.entries(data)
}

// entries returns the files of a tar, and all its headers.
func (m *machine) entries(data []byte) (files map[string][]byte, headers []*tar.Header) {
	m.t.Helper()
	files = map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, headers
		}
		if err != nil {
			m.t.Fatal(err)
		}
		headers = append(headers, header)
		if header.Typeflag == tar.TypeReg {
			if files[header.Name], err = io.ReadAll(r); err != nil {
				m.t.Fatal(err)
			}
		}
	}
}

// TestContainer reads the image as a container program does, unpacks it, and runs its program as its user in a user namespace, with a
// root that is read only.
func TestContainer(t *testing.T) {
	m := newMachine(t)
	data, err := os.ReadFile(m.file("linux_ARCH.oci.tar"))
	if err != nil {
		t.Fatal(err)
	}
	blobs, _ := m.entries(data)
	for name, blob := range blobs {
		sum := sha256.Sum256(blob)
		if digest, found := strings.CutPrefix(name, "blobs/sha256/"); found && digest != hex.EncodeToString(sum[:]) {
			t.Errorf("%s has another digest", name)
		}
	}
	var index v1.IndexManifest
	var manifest v1.Manifest
	var config v1.ConfigFile
	var saved []struct {
		Config           string
		RepoTags, Layers []string
	}
	read := func(name string, value any) {
		t.Helper()
		if err := json.Unmarshal(blobs[name], value); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	read("index.json", &index)
	read("blobs/sha256/"+index.Manifests[0].Digest.Hex, &manifest)
	read("blobs/sha256/"+manifest.Config.Digest.Hex, &config)
	read("manifest.json", &saved)
	if len(index.Manifests) != 1 || !strings.Contains(string(blobs["oci-layout"]), "1.0.0") || saved[0].Config != "blobs/sha256/"+manifest.Config.Digest.Hex || len(saved[0].Layers) != len(manifest.Layers) {
		t.Errorf("%+v, %+v", index, saved)
	}
	if config.Config.User != "65532:65532" || config.OS != "linux" || config.Architecture != runtime.GOARCH || config.Config.Labels["org.opencontainers.image.version"] != m.version() {
		t.Errorf("%+v", config)
	}
	root := filepath.Join(t.TempDir(), "root")
	for i, layer := range manifest.Layers {
		if saved[0].Layers[i] != "blobs/sha256/"+layer.Digest.Hex {
			t.Errorf("layer %d is %s", i, saved[0].Layers[i])
		}
		files, headers := m.member(bufio.NewReader(bytes.NewReader(blobs["blobs/sha256/"+layer.Digest.Hex])))
		m.unpack(root, files, headers)
	}
	m.checkSystem(root)
	if got := m.contained(root, "", append(config.Config.Entrypoint, "version")...); !strings.Contains(got, "cpupdate v"+m.version()) {
		t.Errorf("it says %s", got)
	}
	m.checkDemo(m.contained(root, "tmp data", append(config.Config.Entrypoint, "demo")...))
	got := m.contained(root, "tmp data", append(config.Config.Entrypoint, "defaults", "set", "--server", "files.example", "--method", "ftps", "--username", "cp")...)
	if !strings.Contains(got, "/data/.config/cpupdate/config.toml") && !strings.Contains(got, "~/.config/cpupdate/config.toml") {
		t.Errorf("where are the settings?\n%s", got)
	}
}

// unpack writes the files of a layer.
func (m *machine) unpack(root string, files map[string][]byte, headers []*tar.Header) {
	m.t.Helper()
	for _, h := range headers {
		if h.Uname != "" || h.ModTime.Unix() == 0 || h.Uid != 0 && h.Name != "data/" {
			m.t.Errorf("%s belongs to %q (%d), of %s", h.Name, h.Uname, h.Uid, h.ModTime)
		}
		name := filepath.Join(root, h.Name)
		var err error
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(name, 0o755)
		} else if err = os.MkdirAll(filepath.Dir(name), 0o755); err == nil {
			err = os.WriteFile(name, files[h.Name], h.FileInfo().Mode())
		}
		if err != nil {
			m.t.Fatal(err)
		}
	}
}

// checkSystem fails if an unpacked image lacks certificates, a time zone, or its user, or has a second program.
func (m *machine) checkSystem(root string) {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"))
	if err != nil {
		m.t.Fatal(err)
	}
	n := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err != nil || !c.IsCA {
			m.t.Errorf("an authority: %v", err)
		}
		n++
	}
	if n < 100 {
		m.t.Errorf("%d authorities", n)
	}
	if zone, err := os.ReadFile(filepath.Join(root, "usr/share/zoneinfo/Europe/Berlin")); err != nil || !bytes.HasPrefix(zone, []byte("TZif")) {
		m.t.Errorf("no time zone: %v", err)
	}
	if passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd")); err != nil || !strings.Contains(string(passwd), "cpupdate:x:65532:65532:cpupdate:/data:") {
		m.t.Errorf("no user: %v\n%s", err, passwd)
	}
	if programs, err := os.ReadDir(filepath.Join(root, "usr/bin")); err != nil || len(programs) != 1 {
		m.t.Errorf("%d programs: %v", len(programs), err)
	}
}

// contained runs a program of an unpacked image as the user 65532 of a user namespace. The root is read only, but for the folders.
func (m *machine) contained(root, folders string, command ...string) string {
	m.t.Helper()
	script := `root=$1 folders=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
for folder in $folders; do mount -t tmpfs tmpfs "$root/$folder"; done
cd "$root"
! touch file 2>/dev/null
exec unshare --user --map-user=65532 --map-group=65532 --root="$root" --wd=/data "$@"`
	return m.run("/", "/data", "unshare", append([]string{"--user", "--map-root-user", "--mount", "bash", "-euc", script, "container", root, folders}, command...)...)
}
