package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The tests of this file install the release on the machine that runs them. So they only run where .ci/release-test says so: in a
// copy of the machine that vanishes.

// user is who uses what root installed.
const user = "technician"

// A machine is the copy of the machine, and the folder with the release.
type machine struct {
	t       *testing.T
	release string
	page    string // docs/install.md of the release
}

// newMachine returns the copy, with a user and a folder with the release.
func newMachine(t *testing.T) *machine {
	t.Helper()
	release := os.Getenv("CPUPDATE_RELEASE")
	if release == "" {
		t.Skip("needs a copy of the machine: see .ci/release-test")
	}
	m := &machine{t: t, release: release}
	if _, err := os.Stat("/home/" + user); errors.Is(err, fs.ErrNotExist) {
		m.root("useradd -m -s /bin/bash " + user)
	}
	m.page = string(m.inArchive("docs/install.md"))
	return m
}

// file returns the file of the release for this kind of processor that ends so.
func (m *machine) file(end string) string {
	m.t.Helper()
	found, err := filepath.Glob(filepath.Join(m.release, "cpupdate_*_"+strings.ReplaceAll(end, "ARCH", runtime.GOARCH)))
	if err != nil || len(found) != 1 {
		m.t.Fatalf("%s: %q, %v", end, found, err)
	}
	return found[0]
}

// inArchive returns a file of the archive for Linux.
func (m *machine) inArchive(name string) []byte {
	m.t.Helper()
	for path, data := range m.untar(m.file("linux_ARCH.tar.gz")) {
		if strings.HasSuffix(path, "/"+name) && strings.Count(path, "/") == strings.Count(name, "/")+1 {
			return data
		}
	}
	m.t.Fatalf("%s is not in the archive", name)
	return nil
}

// untar returns the files of a compressed tar.
func (m *machine) untar(name string) map[string][]byte {
	m.t.Helper()
	f, err := os.Open(name)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		m.t.Fatal(err)
	}
	all := map[string][]byte{}
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			m.t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			if all[header.Name], err = io.ReadAll(r); err != nil {
				m.t.Fatal(err)
			}
		}
	}
}

// root runs a script as root, and returns what it prints.
func (m *machine) root(script string) string {
	m.t.Helper()
	return m.run(m.t.TempDir(), "/root", "bash", "-euc", script)
}

// user runs a script as the user, in the user's home.
func (m *machine) user(script string) string {
	m.t.Helper()
	home := "/home/" + user
	return m.run(home, home, "setpriv", "--reuid="+user, "--regid="+user, "--init-groups", "bash", "-euc", script)
}

// run runs a program in a folder.
func (m *machine) run(folder, home, name string, args ...string) string {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), name, args...)
	cmd.Dir = folder
	cmd.Env = m.env(home)
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// env returns the environment of what is run, with a sudo that does what sudo does for root.
func (m *machine) env(home string) []string {
	return []string{"HOME=" + home, "PATH=/usr/lib/cpupdate-install:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive", "CPUPDATE_KEYRING=off"}
}

// shim puts a script in front of a program: what docs/install.md calls is here called otherwise.
func (m *machine) shim(name, script string) {
	m.t.Helper()
	const folder = "/usr/lib/cpupdate-install"
	if err := os.MkdirAll(folder, 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// follow runs the blocks of docs/install.md for a kind of system as they are, in a folder with the release, and returns what they print.
func (m *machine) follow(kind string) string {
	m.t.Helper()
	folder := m.t.TempDir()
	for _, end := range []string{"linux_ARCH.deb", "linux_ARCH.rpm", "linux_ARCH.tar.gz"} {
		if err := os.Link(m.file(end), filepath.Join(folder, filepath.Base(m.file(end)))); err != nil {
			m.root("cp " + m.file(end) + " " + folder)
		}
	}
	m.root("cp " + m.release + "/SHA256SUMS " + folder + "; chmod -R a+rX " + filepath.Dir(folder))
	m.shim("sudo", `exec "$@"`)
	var script string
	for _, part := range strings.Split(m.page, "```sh "+kind+"\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		script += block
	}
	if script == "" {
		m.t.Fatalf("install.md has no commands for %s", kind)
	}
	return m.run(folder, "/root", "bash", "-euc", strings.ReplaceAll(script, "amd64", runtime.GOARCH))
}

// demoEnd is in what the demo prints when all went well.
const demoEnd = "The demo is complete"

// checkDemo fails if the demo does not end well.
func (m *machine) checkDemo(printed string) {
	m.t.Helper()
	if !strings.Contains(printed, demoEnd) {
		m.t.Errorf("the demo printed:\n%s", printed)
	}
}

// store has the user store settings, and a journal, and returns the digests of both.
func (m *machine) store() string {
	m.t.Helper()
	m.user(`rm -rf .config .local work; mkdir work; cd work
head -c 100000 /dev/zero >app.bin
cpupdate pack app.bin -q -o cp600.bind --model CP600 --hw-levels 3 --software-type "Unify HFA" --software-version "V1 R9.2.0"
cpupdate defaults set --profile berlin --method ftps --server files.example --username cp >/dev/null
printf 'address,hw_level,model,software_type,running\n192.0.2.50,3,CP600,Unify HFA,V1 R4.9.0\n' >site.csv
cpupdate rollout plan cp600.bind --phones site.csv --offline --name spring >/dev/null`)
	return m.stored()
}

// stored returns the digests of what the user stored.
func (m *machine) stored() string {
	m.t.Helper()
	return m.user("sha256sum .config/cpupdate/config.toml .local/state/cpupdate/journal.db")
}

// checkStored fails if settings or journal changed, or cannot be read any more.
func (m *machine) checkStored(want string) {
	m.t.Helper()
	if got := m.stored(); got != want {
		m.t.Errorf("settings and journal were changed:\n%s\n%s", want, got)
	}
	if got := m.user("cpupdate defaults show --profile berlin; cpupdate rollout list"); !strings.Contains(got, "files.example") || !strings.Contains(got, "spring") {
		m.t.Errorf("settings and journal are not read:\n%s", got)
	}
}

// left returns the files of the system with the program's name, other than those of these tests.
func (m *machine) left() string {
	m.t.Helper()
	return m.root(`find /usr /etc /opt /var \( -path /usr/lib/cpupdate-test -o -path /usr/lib/cpupdate-install \) -prune -o -name '*cpupdate*' -print`)
}

// checkFiles fails if the package has other files than those that belong there.
func (m *machine) checkFiles(list string, patterns ...string) {
	m.t.Helper()
	all := regexp.MustCompile("^(" + strings.Join(patterns, "|") + ")$")
	pages := 0
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if info, err := os.Stat(line); err != nil || info.IsDir() {
			continue
		}
		if !all.MatchString(line) {
			m.t.Errorf("%s is in the package", line)
		}
		if strings.Contains(line, "/man1/") {
			pages++
		}
	}
	if pages < 30 {
		m.t.Errorf("%d man pages", pages)
	}
}

// TestDebian installs the .deb over an older one, uses it, and removes it.
func TestDebian(t *testing.T) {
	m := newMachine(t)
	before := m.left()
	m.root("dpkg-deb -R " + m.file("linux_ARCH.deb") + ` old
sed -i 's/^Version: .*/Version: 0.0.0~0/' old/DEBIAN/control
touch old/usr/share/man/man1/cpupdate-old.1.gz
dpkg-deb --root-owner-group -Zgzip -z1 -b old old.deb >/dev/null
dpkg -i old.deb`)
	stored := m.store()
	m.checkDemo(m.follow("debian"))
	m.checkStored(stored)
	if got, want := m.root("dpkg-query -W -f '${Version}' cpupdate"), m.root("dpkg-deb -f "+m.file("linux_ARCH.deb")+" Version"); got != strings.TrimSpace(want) {
		t.Errorf("the version %q is installed, not %q", got, want)
	}
	if left := m.left(); strings.Contains(left, "cpupdate-old") {
		t.Errorf("the older version left files:\n%s", left)
	}
	m.checkFiles(m.root("dpkg -L cpupdate"), "/usr/bin/cpupdate", `/usr/share/man/man1/cpupdate[a-z-]*\.1\.gz`, "/usr/share/bash-completion/completions/cpupdate",
		"/usr/share/zsh/vendor-completions/_cpupdate", `/usr/share/fish/vendor_completions\.d/cpupdate\.fish`, "/usr/share/doc/cpupdate/copyright")
	m.root("dpkg --verify cpupdate")
	m.checkDemo(m.user("cpupdate demo"))
	t.Run("man", func(t *testing.T) { (&machine{t, m.release, m.page}).checkPages() })
	t.Run("bash", func(t *testing.T) { (&machine{t, m.release, m.page}).checkBash() })
	t.Run("zsh", func(t *testing.T) { (&machine{t, m.release, m.page}).checkZsh() })
	t.Run("fish", func(t *testing.T) { (&machine{t, m.release, m.page}).checkFish() })
	m.root("apt-get purge -y -qq cpupdate")
	if left := m.left(); left != before {
		t.Errorf("left after the removal:\n%s\nand before the installation:\n%s", left, before)
	}
	if got := m.stored(); got != stored {
		t.Errorf("the removal changed settings and journal:\n%s\n%s", stored, got)
	}
}

// TestRPM does the same with the .rpm.
func TestRPM(t *testing.T) {
	m := newMachine(t)
	before := m.left()
	m.shim("rpm", `exec /usr/bin/rpm --force-debian "$@"`) // Debian's rpm installs nothing on Debian otherwise
	m.root(`mkdir -p old/usr/bin; printf '#!/bin/sh\n' >old/usr/bin/cpupdate; touch old/usr/bin/cpupdate-old
cat >old.spec <<'SPEC'
Name: cpupdate
Version: 0.0.0~0
Release: 1
Summary: The version before
License: Apache-2.0
%description
The version before.
%files
%attr(755,root,root) /usr/bin/cpupdate
/usr/bin/cpupdate-old
SPEC
rpmbuild --quiet --define "_topdir $PWD/top" --buildroot "$PWD/old" -bb old.spec
rpm -U top/RPMS/*/cpupdate-*.rpm`)
	if got := m.root("rpm -q cpupdate"); !strings.Contains(got, "0.0.0~0-1") {
		t.Errorf("installed: %s", got)
	}
	m.checkDemo(m.follow("rpm"))
	stored := m.store()
	if left := m.left(); strings.Contains(left, "cpupdate-old") {
		t.Errorf("the older version left files:\n%s", left)
	}
	m.checkFiles(m.root("rpm -ql cpupdate"), "/usr/bin/cpupdate", `/usr/share/man/man1/cpupdate[a-z-]*\.1\.gz`, "/usr/share/bash-completion/completions/cpupdate",
		"/usr/share/zsh/site-functions/_cpupdate", `/usr/share/fish/vendor_completions\.d/cpupdate\.fish`, "/usr/share/licenses/cpupdate/(LICENSE|NOTICES.txt)")
	m.root("rpm -V cpupdate")
	m.checkDemo(m.user("cpupdate demo"))
	m.root("rpm -e cpupdate")
	if left := m.left(); left != before {
		t.Errorf("left after the removal:\n%s\nand before the installation:\n%s", left, before)
	}
	if got := m.stored(); got != stored {
		t.Errorf("the removal changed settings and journal:\n%s\n%s", stored, got)
	}
}

// TestArchive follows docs/install.md for any Linux, and looks whether shells and man find what it installs.
func TestArchive(t *testing.T) {
	m := newMachine(t)
	m.checkDemo(m.follow("archive"))
	m.checkDemo(m.user("cpupdate demo"))
	m.store()
	m.checkBash()
	m.checkZsh()
	m.checkFish()
	if got := m.user("MANWIDTH=80 man cpupdate-push"); !strings.Contains(got, "cpupdate push IMAGE") {
		t.Error(got)
	}
	m.root("rm -rf /usr/local/bin/cpupdate /usr/local/share/*/*/*cpupdate* /etc/fish/completions/cpupdate.fish")
}

// TestVersionOfRelease fails if the program of a release does not say what it was built from.
func TestVersionOfRelease(t *testing.T) {
	m := newMachine(t)
	program := m.inArchive("cpupdate")
	name := filepath.Join(t.TempDir(), "cpupdate")
	if err := os.WriteFile(name, program, 0o755); err != nil {
		t.Fatal(err)
	}
	got := m.run("/", "/root", name, "version")
	version := strings.Split(filepath.Base(m.file("linux_ARCH.deb")), "_")[1]
	want := regexp.MustCompile(fmt.Sprintf(`^cpupdate v%s  commit [0-9a-f]{40}  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  go1\.\S+  linux/%s\n$`, regexp.QuoteMeta(version), runtime.GOARCH))
	if !want.MatchString(got) || strings.Contains(got, "modified") {
		t.Errorf("it says %q", got)
	}
}

// checkPages fails if a man page is missing, or has an error, or is too wide.
func (m *machine) checkPages() {
	m.t.Helper()
	if got := m.user("MANWIDTH=80 man cpupdate"); !strings.Contains(got, "EXIT STATUS") || !strings.Contains(got, "CPUPDATE_JOURNAL") {
		m.t.Errorf("man cpupdate shows:\n%s", got)
	}
	pages := strings.Fields(m.root("ls /usr/share/man/man1/cpupdate*.gz"))
	for _, page := range pages {
		warnings := m.user("MANWIDTH=80 man --warnings -l " + page + " 2>&1 >page.txt")
		text, err := os.ReadFile("/home/" + user + "/page.txt")
		if err != nil || warnings != "" {
			m.t.Errorf("%s: %v\n%s", page, err, warnings)
		}
		for line := range strings.Lines(string(text)) {
			long := slices.ContainsFunc(strings.Fields(line), func(word string) bool { return len(word) > 64 }) // a fingerprint cannot be broken
			if len([]rune(strings.TrimRight(line, "\n"))) > 80 && !long {
				m.t.Errorf("%s is too wide: %s", page, line)
			}
		}
	}
	if got := m.root("for page in " + strings.Join(pages, " ") + "; do name=$(basename $page .gz); zcat $page >$name; mandoc -T lint -W warning $name || true; done"); got != "" {
		m.t.Errorf("mandoc: %s", got)
	}
	if !slices.Contains(pages, "/usr/share/man/man1/cpupdate-rollout-plan.1.gz") {
		m.t.Errorf("the pages are %q", pages)
	}
}

// completions are what is typed, and what a shell makes of it: a command, a flag, the name of a profile, an image.
func completions() [][2]string {
	return [][2]string{
		{"cpupdate pus", "cpupdate push "},
		{"cpupdate push --dry-r", "--dry-run "},
		{"cpupdate push --profile ber", "--profile berlin"},
		{"cpupdate push cp6", "push cp600.bind"},
		{"cpupdate rollout pl", "rollout plan "},
	}
}

// shell returns a shell of the user, in the folder with the image.
func (m *machine) shell(args ...string) *exec.Cmd {
	home := "/home/" + user
	cmd := exec.CommandContext(m.t.Context(), "setpriv", append([]string{"--reuid=" + user, "--regid=" + user, "--init-groups"}, args...)...)
	cmd.Dir = home + "/work"
	cmd.Env = append(m.env(home), "INPUTRC=/dev/null")
	return cmd
}

// typeAll types what a shell must complete. Its prompt is READY.
func (m *machine) typeAll(x *terminal) {
	m.t.Helper()
	for _, c := range completions() {
		x.send(c[0] + "\t")
		x.expect(c[1])
		x.send("\x15") // Ctrl-U removes the line
	}
	x.send("exit\n")
}

// checkBash has bash complete, in a terminal, with what it loads itself.
func (m *machine) checkBash() {
	m.t.Helper()
	x := startTerminal(m.t, m.shell("bash", "--norc", "-i"))
	x.send("bind 'set enable-bracketed-paste off'; source /usr/share/bash-completion/bash_completion; PS1='REA''DY> '\n")
	x.expect("READY> ")
	m.typeAll(x)
}

// checkZsh has zsh complete, in a terminal.
func (m *machine) checkZsh() {
	m.t.Helper()
	x := startTerminal(m.t, m.shell("zsh", "-f", "-i"))
	x.send("unsetopt zle_bracketed_paste; unset zle_bracketed_paste; autoload -Uz compinit; compinit -D -u; PS1='REA''DY> '\n")
	x.expect("READY> ")
	m.typeAll(x)
}

// checkFish has fish complete.
func (m *machine) checkFish() {
	m.t.Helper()
	for _, c := range completions() {
		words := strings.Fields(c[1])
		got := m.user("cd work; fish --private -c 'complete -C \"" + c[0] + "\"'")
		found := slices.ContainsFunc(strings.Split(got, "\n"), func(line string) bool {
			word, _, _ := strings.Cut(line, "\t")
			return word == words[len(words)-1]
		})
		if !found {
			m.t.Errorf("fish completes %q with:\n%s", c[0], got)
		}
	}
}
