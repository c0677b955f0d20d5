//go:build amd64 && !race

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/badserver"
)

// TestWindows runs the Windows program under Wine, also against the program of this system.
func TestWindows(t *testing.T) {
	t.Parallel()
	w := newWindows(t)
	t.Run("of", func(t *testing.T) { // ends when all of them have ended
		for name, test := range map[string]func(t *testing.T, w *windows){
			"version":      testWindowsVersion,
			"demo":         testWindowsDemo,
			"images":       testWindowsImages,
			"pushes":       testWindowsPushes,
			"is pushed to": testWindowsPushedTo,
			"uploads":      testWindowsUploads,
			"folders":      testWindowsFolders,
			"keyring":      testWindowsKeyring,
			"paths":        testWindowsPaths,
			"interrupt":    testWindowsInterrupt,
			"console":      testWindowsConsole,
			"double click": testWindowsDoubleClick,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, w)
			})
		}
	})
}

func testWindowsVersion(t *testing.T, w *windows) {
	w.run(t, t.TempDir(), "version", "--json").want(t, exit.CodeOK, `"platform": "windows/amd64"`)
}

// testWindowsDemo keeps the demo's folder: Wine 8 does not know the call by which os.RemoveAll removes it. Without that, the demo does
// not say that nothing is left.
func testWindowsDemo(t *testing.T, w *windows) {
	r := w.run(t, t.TempDir(), "demo", "--keep").want(t, exit.CodeOK, "The demo is complete")
	if strings.Contains(r.out, "\\\n") || strings.Contains(r.out, "\x1b") {
		t.Errorf("a line is continued as no shell of Windows does it, or it is coloured:\n%s", r.out)
	}
	if r := w.run(t, t.TempDir(), "demo"); (r.code != exit.CodeOK) == strings.Contains(r.out, "nothing of it is left") {
		t.Errorf("exit code %d:\n%s", r.code, r.out)
	}
}

// quick are flags that keep the waits of a push short.
func quick(more ...string) []string {
	return append([]string{"--listen", "127.0.0.1:0", "--contact-interval", "1s", "--probe-interval", "200ms", "--patience", "1m"}, more...)
}

// firmware builds an image with one of the two programs, and returns its content and what the other one says of it.
func firmware(t *testing.T, builds, inspects func(t *testing.T, folder string, args ...string) ran) (image []byte, says string) {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "app.bin"), []byte(strings.Repeat("payload\r\n", 100_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	builds(t, folder, "pack", "app.bin", "-o", "cp600.bind", "--model", "CP400,CP600", "--hw-levels", "1-3", "--software-type", "Unify HFA", "--software-version", "V1 R9.2.0", "--note", "für Köln").want(t, exit.CodeOK)
	image, err := os.ReadFile(filepath.Join(folder, "cp600.bind"))
	if err != nil {
		t.Fatal(err)
	}
	inspects(t, folder, "check", "cp600.bind", "--model", "CP600", "--hw-level", "3", "--software-type", "Unify HFA", "--running", "V1 R4.9.0").want(t, exit.CodeOK, "compatible")
	inspects(t, folder, "check", "cp600.bind", "--model", "CP600", "--hw-level", "4").want(t, exit.CodeRefused, "hardware-level")
	return image, inspects(t, folder, "inspect", "cp600.bind", "--json").want(t, exit.CodeOK).out
}

// testWindowsImages builds an image with each program, and reads it with the other one.
func testWindowsImages(t *testing.T, w *windows) {
	here, saysWindows := firmware(t, w.linux, w.run)
	there, saysLinux := firmware(t, w.run, w.linux)
	if string(here) != string(there) {
		t.Error("the images differ")
	}
	if saysWindows != saysLinux {
		t.Errorf("Windows says:\n%s\nLinux says:\n%s", saysWindows, saysLinux)
	}
}

// phonesIn returns the flags of a simulation, of phones that restart quickly.
func phonesIn(more ...string) []string {
	return append([]string{"simulate", "--json", "--software-type", "Unify HFA", "--running", "V1 R4.9.0", "--install-time", "0s", "--restart-time", "1500ms"}, more...)
}

const newFirmware = "V1 R9.2.0"

// pushes pushes an image by each route to phones of a simulation in the folder, and returns how many pushes there were.
func pushes(t *testing.T, folder string, push func(t *testing.T, folder string, args ...string) ran) {
	t.Helper()
	newFirmwareIn(t, folder)
	for _, route := range [][]string{{"--serve"}, {"--serve", "--method", "ftp"}} {
		r := push(t, folder, append([]string{"push", "cp600.bind", "--phones", "sim.csv", "--reinstall", "--json"}, quick(route...)...)...).want(t, exit.CodeOK)
		if got := strings.Count(r.out, `"outcome":"updated"`); got != 2 {
			t.Fatalf("%q: %d phones are updated:\n%s%s", route, got, r.out, r.errOut)
		}
	}
}

// newFirmwareIn writes cp600.bind into a folder.
func newFirmwareIn(t *testing.T, folder string) {
	t.Helper()
	content, err := os.ReadFile(clitest.Image(t, "x", nil))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "cp600.bind"), content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// testWindowsPushes pushes from Windows to phones that the program of this system simulates. The list has line breaks as on Windows.
func testWindowsPushes(t *testing.T, w *windows) {
	folder := t.TempDir()
	here := exec.CommandContext(t.Context(), "cpupdate", phonesIn("--count", "2", "--web", "127.0.0.1")...)
	here.Dir = folder
	phones := startSimulation(t, here)
	list := filepath.Join(folder, "sim.csv")
	content, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, []byte(strings.ReplaceAll(string(content), "\n", "\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t, folder, "phone", "--phones", "sim.csv", "--listen", "127.0.0.1:0").want(t, exit.CodeOK, "00:1A:E8:00:00:02")
	pushes(t, folder, w.run)
	pushByPage(t, folder, list, w.run)
	checkVersions(t, phones.stop(t))
}

// pushByPage pushes an image to the page of the first phone of a list.
func pushByPage(t *testing.T, folder, list string, push func(t *testing.T, folder string, args ...string) ran) {
	t.Helper()
	phone, page := firstPhone(t, list)
	pin, err := pinAt(new(net.Dialer).DialContext, page)
	if err != nil {
		t.Fatal(err)
	}
	password := filepath.Join(folder, "password")
	if err := os.WriteFile(password, []byte("123456\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(page, ":")
	args := quick("--web", "--hw-level", "3", "--web-port", port, "--pin", pin, "--password-file", "password", "--reinstall", "--json")
	push(t, folder, append([]string{"push", "cp600.bind", phone}, args...)...).want(t, exit.CodeOK, `"outcome":"updated"`)
}

// checkVersions checks that all phones run the new version.
func checkVersions(t *testing.T, versions []string) {
	t.Helper()
	if len(versions) != 2 || versions[0] != newFirmware || versions[1] != newFirmware {
		t.Errorf("the phones run %q", versions)
	}
}

// testWindowsPushedTo pushes from this system to phones that the Windows program simulates.
func testWindowsPushedTo(t *testing.T, w *windows) {
	folder := t.TempDir()
	phones := startSimulation(t, w.command(t.Context(), folder, phonesIn("--count", "2", "--web", "127.0.0.1")...))
	pushes(t, folder, w.linux)
	pushByPage(t, folder, filepath.Join(folder, "sim.csv"), w.linux)
	checkVersions(t, phones.stop(t))
}

// testWindowsUploads uploads an image to an FTP, an FTPS and an HTTPS server, and reads it back there.
func testWindowsUploads(t *testing.T, w *windows) {
	folder := t.TempDir()
	newFirmwareIn(t, folder)
	ftp, ftps, https := badserver.NewFTP(t), badserver.NewFTPS(t), badserver.NewHTTPS(t)
	for _, args := range [][]string{
		bySettings(ftp.Access(), "--password-file", clitest.File(t, "p", []byte(ftp.Access().Password.Reveal()+"\r\n"))),
		bySettings(ftps.Access(), "--pin", ftps.Pin().String(), "--password-file", clitest.File(t, "p", []byte(ftps.Access().Password.Reveal()))),
		bySettings(https.Access(), "--pin", https.Pin().String(), "--password-file", clitest.File(t, "p", []byte(https.Access().Password.Reveal()))),
	} {
		w.run(t, folder, append([]string{"push", "cp600.bind", "--minimum-version", "V1 R0.0.0"}, args...)...).want(t, exit.CodeOK, "verified")
	}
}

// testWindowsFolders checks where settings, known keys and the journal are if nobody names a file.
func testWindowsFolders(t *testing.T, w *windows) {
	folder := t.TempDir()
	settings, state := filepath.Join(w.home, "AppData", "Roaming", "cpupdate"), filepath.Join(w.home, "AppData", "Local", "cpupdate")
	server := badserver.NewFTPS(t)
	access := server.Access()
	args := append([]string{"defaults", "set", "--profile", "folders"}, bySettings(access)...)
	w.run(t, folder, args...).want(t, exit.CodeOK, `AppData\Roaming\cpupdate\config.toml`)
	w.run(t, folder, "trust", "add", access.Address(), "--pin", server.Pin().String()).want(t, exit.CodeOK)
	w.run(t, folder, "doctor").want(t, exit.CodeOK, `AppData\Roaming\cpupdate\config.toml`)
	phones := exec.CommandContext(t.Context(), "cpupdate", phonesIn("--mac", "00:1A:E8:0F:00:01")...)
	phones.Dir = folder
	simulated := startSimulation(t, phones)
	newFirmwareIn(t, folder)
	w.run(t, folder, append([]string{"push", "cp600.bind", "--phones", "sim.csv"}, quick("--serve")...)...).want(t, exit.CodeOK)
	simulated.stop(t)
	w.run(t, folder, "history", "00:1A:E8:0F:00:01").want(t, exit.CodeOK, "updated")
	for _, name := range []string{filepath.Join(settings, "config.toml"), filepath.Join(settings, "known_keys"), filepath.Join(state, "journal.db")} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

// testWindowsKeyring stores a password in the Credential Manager.
func testWindowsKeyring(t *testing.T, w *windows) {
	folder := t.TempDir()
	withKeyring := func(stdin string, args ...string) ran {
		cmd := w.command(t.Context(), folder, append([]string{"--config", "site.toml"}, args...)...)
		cmd.Env, cmd.Stdin = append(cmd.Env, credentials.KeyringVariable+"="), strings.NewReader(stdin)
		return runProcess(t, cmd)
	}
	withKeyring("", "defaults", "set", "--method", "ftps", "--server", "files.example", "--username", "cp").want(t, exit.CodeOK)
	withKeyring("geheim\r\n", "defaults", "set", "--password-stdin").want(t, exit.CodeOK, "stored in the system's keyring")
	stored, err := os.ReadFile(filepath.Join(folder, "site.passwords.toml"))
	if err != nil || strings.Contains(string(stored), "geheim") {
		t.Errorf("%s, %v", stored, err)
	}
	withKeyring("", "defaults", "show").want(t, exit.CodeOK, "stored in the system's keyring")
	withKeyring("", "defaults", "unset", "password").want(t, exit.CodeOK, "not stored")
}

// firstPhone returns the addresses of the first phone of a list and of its page.
func firstPhone(t *testing.T, list string) (phone, page string) {
	t.Helper()
	content, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(content), "\n")
	phone, rest, _ := strings.Cut(lines[1], ",")
	_, page, _ = strings.Cut(rest, "web page at ")
	page, _, _ = strings.Cut(page, `"`)
	return phone, page
}
