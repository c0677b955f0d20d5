//go:build amd64 && !race

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// drive is the drive on which Wine shows the files of this system.
const drive = `Z:`

// testWindowsPaths names files as people do on Windows: by drive, with backslashes, blanks and umlauts, and with long names.
func testWindowsPaths(t *testing.T, w *windows) {
	folder := filepath.Join(t.TempDir(), "Jörg Müller", "my phones")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	onDrive := func(name string) string { return drive + strings.ReplaceAll(filepath.Join(folder, name), "/", `\`) }
	list := "address,hw_level,model,software_type,running,note\r\n192.0.2.50,3,CP600,Unify HFA,V1 R4.9.0,Büro Süd\r\n"
	for name, content := range map[string]string{"app.bin": "payload\x00\x01", "Telefone Süd.csv": list, "Süd (2).csv": "\xEF\xBB\xBF" + strings.ReplaceAll(list, ",", ";")} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pack := []string{"--hw-levels", "1-3", "--software-type", "Unify HFA", "--software-version", "V1 R9.2.0"}
	long := `long\` + strings.Repeat(`a folder with a long name\`, 12)
	if err := os.MkdirAll(filepath.Join(folder, strings.ReplaceAll(long, `\`, "/")), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{onDrive(`Größe 1.bind`), `..\my phones\Größe 2.bind`, `.\Größe 3.bind`, `Größe 4.bind`, onDrive(long + `5.bind`)} {
		w.run(t, folder, append([]string{"pack", onDrive("app.bin"), "-o", name}, pack...)...).want(t, exit.CodeOK)
		w.run(t, folder, "inspect", name).want(t, exit.CodeOK, "intact")
		for _, phones := range []string{"Telefone Süd.csv", onDrive("Süd (2).csv")} {
			w.run(t, folder, "check", name, "--phones", phones).want(t, exit.CodeOK, "Büro Süd")
		}
	}
	// The pattern is the program's to expand: neither cmd.exe nor PowerShell does it.
	w.run(t, folder, "inspect", onDrive(`Gr*.bind`)).want(t, exit.CodeOK, "Größe 1.bind", "Größe 4.bind")
	w.run(t, folder, "--config", onDrive("my site.toml"), "defaults", "set", "--server", "files.example", "--username", "cp").want(t, exit.CodeOK, "my site.toml")
	w.run(t, folder, "inspect", onDrive("missing.bind")).want(t, exit.CodeImage, "hint: ")
	for _, name := range []string{"NUL", "CON", "a?.bind", `a|b.bind`} { // devices, and names that Windows does not allow
		if r := w.run(t, folder, append([]string{"pack", "app.bin", "-o", name}, pack...)...); r.code != exit.CodeImage && r.code != exit.CodeUsage || strings.Contains(r.errOut, "internal") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// testWindowsInterrupt presses Ctrl-C when a phone was instructed: push says so, and the journal knows it.
func testWindowsInterrupt(t *testing.T, w *windows) {
	folder := t.TempDir()
	newFirmwareIn(t, folder)
	here := exec.CommandContext(t.Context(), "cpupdate", phonesIn("--mac", "00:1A:E8:0C:00:01", "--fault", "never-comes-back")...)
	here.Dir = folder
	phones := startSimulation(t, here)
	journal := []string{"--journal", "ctrl c.db"}
	push := onWineScreen(t, w.command(t.Context(), folder, append(append([]string{"push", "cp600.bind", "--phones", "sim.csv"}, journal...), quick("--serve")...)...))
	push.until("update command sent")
	push.press(ctrlC)
	push.end().want(t, exit.CodeInterrupted, "interrupted")
	w.run(t, folder, append([]string{"history", "00:1A:E8:0C:00:01"}, journal...)...).want(t, exit.CodeOK, "interrupted after the update command was sent")
	phones.stop(t)
}

// testWindowsConsole checks what a console shows: colours, but not with NO_COLOR or --no-color, and a password is not shown.
func testWindowsConsole(t *testing.T, w *windows) {
	folder := t.TempDir()
	newFirmwareIn(t, folder)
	const bold = "\x1b[1;"
	check := func(args ...string) []string {
		return append([]string{"check", "cp600.bind", "--hw-level", "9"}, args...)
	}
	colours := onWineScreen(t, w.command(t.Context(), folder, check()...)).end()
	if !strings.Contains(colours.out, bold) {
		t.Errorf("no colours: %q", colours.out)
	}
	without := w.command(t.Context(), folder, check()...)
	without.Env = append(without.Env, "NO_COLOR=1")
	for _, shown := range []ran{onWineScreen(t, without).end(), onWineScreen(t, w.command(t.Context(), folder, check("--no-color")...)).end(), w.run(t, folder, check()...)} {
		if strings.Contains(shown.out, bold) || !strings.Contains(shown.out, "hardware-level") {
			t.Errorf("colours that nobody wants: %q", shown.out)
		}
	}
	prompt := onWineScreen(t, w.command(t.Context(), folder, "push", "cp600.bind", "--minimum-version", "V1 R0.0.0", "--server", "files.invalid", "--username", "cp", "--method", "ftps", "--retries", "0"))
	prompt.until("Password for cp")
	prompt.untilHidden()
	prompt.press("Geheim-4711\r")
	if r := prompt.end(); strings.Contains(r.out, "Geheim") || r.code != exit.CodeUnreachable {
		t.Errorf("%+v", r)
	}
	ended := onWineScreen(t, w.command(t.Context(), folder, "push", "cp600.bind", "--minimum-version", "V1 R0.0.0", "--server", "files.invalid", "--username", "cp", "--method", "ftps"))
	ended.until("Password for cp")
	ended.untilHidden()
	ended.press(ctrlC)
	ended.end().want(t, exit.CodeInterrupted, "interrupted")
}

// explorer starts a program, as Explorer does when somebody clicks on it twice: its name is what the program looks at.
const explorer = `#include <windows.h>
int main(int argc, char **argv) {
	STARTUPINFOA start = { sizeof start };
	PROCESS_INFORMATION process;
	DWORD code;
	if (argc < 2 || !CreateProcessA(NULL, argv[1], NULL, NULL, TRUE, 0, NULL, NULL, &start, &process)) return 98;
	WaitForSingleObject(process.hProcess, INFINITE);
	return GetExitCodeProcess(process.hProcess, &code) ? code : 97;
}
`

// testWindowsDoubleClick checks that a click on the program explains what to do, and that a shortcut with a command runs it.
func testWindowsDoubleClick(t *testing.T, w *windows) {
	folder := t.TempDir()
	program := filepath.Join(folder, "explorer.exe")
	if err := w.at(folder, nil, "x86_64-w64-mingw32-gcc", "-O", "-o", program, clitest.File(t, "explorer.c", []byte(explorer))); err != nil {
		t.Fatal(err)
	}
	click := func(line string) ran {
		cmd := w.start(t.Context(), program, `"`+drive+strings.ReplaceAll(w.program, "/", `\`)+`"`+line)
		cmd.Dir, cmd.Stdin = folder, strings.NewReader("\r\n")
		return runProcess(t, cmd)
	}
	click("").want(t, 1, "type powershell", `.\cpupdate demo`, "Press return")
	click(` "C:\windows\cp600.bind"`).want(t, 1, "type powershell")
	click(" version").want(t, exit.CodeOK, "windows/amd64")
}
