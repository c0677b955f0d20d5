package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cpupdate/cpupdate/"

// arrows is the drawing of docs/design.md: what each package may import that is not of the standard library.
func arrows() map[string][]string {
	return map[string][]string{
		"internal/badserver":     {module + "internal/testca", module + "pkg/secret", module + "pkg/transfer", module + "pkg/trust"},
		"internal/browser":       {},
		"internal/forge":         {module + "pkg/bind"},
		"internal/journaltest":   {module + "pkg/journal"},
		"internal/licences":      {"github.com/google/licensecheck"},
		"internal/licences/list": {module + "internal/licences"},
		"internal/memnet":        {},
		"internal/ports":         {},
		"internal/realservers":   {module + "internal/ports", module + "internal/testca", module + "pkg/secret", module + "pkg/transfer", module + "pkg/trust", "golang.org/x/time/rate"},
		"internal/schemas":       {"github.com/google/jsonschema-go/jsonschema"},
		"internal/suite":         {},
		"internal/testca":        {},
		"pkg/address":            {"golang.org/x/net/idna"},
		"pkg/bind":               {"github.com/pelletier/go-toml/v2", "github.com/pelletier/go-toml/v2/unstable"},
		"pkg/display":            {module + "pkg/bind"},
		"pkg/hwcheck":            {module + "pkg/address", module + "pkg/bind", "github.com/pelletier/go-toml/v2", "github.com/pelletier/go-toml/v2/unstable"},
		"pkg/journal":            {},
		"pkg/site": {
			module + "pkg/journal", module + "pkg/journal/jetstream", "github.com/nats-io/nats.go", "github.com/nats-io/nats.go/jetstream", "golang.org/x/sync/errgroup",
		},
		"internal/natstest": {module + "pkg/journal/jetstream", "github.com/nats-io/nats-server/v2/server"},
		"pkg/journal/jetstream": {
			module + "pkg/journal", "github.com/nats-io/nats.go", "github.com/nats-io/nats.go/jetstream", "golang.org/x/sync/errgroup",
		},
		"pkg/journal/sqlite": {module + "pkg/journal", "golang.org/x/sync/semaphore", "modernc.org/sqlite", "modernc.org/sqlite/lib"},
		"pkg/rollout": {
			module + "pkg/bind", module + "pkg/fleet", module + "pkg/hwcheck", module + "pkg/journal", "golang.org/x/sync/errgroup", "golang.org/x/sync/semaphore", "golang.org/x/time/rate",
		},
		"pkg/rollout/report": {
			module + "pkg/bind", module + "pkg/display", module + "pkg/fleet", module + "pkg/hwcheck", module + "pkg/journal", module + "pkg/rollout", module + "pkg/secret",
		},
		"pkg/rollout/report/live": {
			module + "pkg/journal", module + "pkg/rollout", module + "pkg/rollout/report", "golang.org/x/net/netutil",
		},
		"pkg/secret":                {},
		"pkg/trust":                 {module + "pkg/address", module + "pkg/secret"},
		"pkg/wbm":                   {module + "pkg/internal/netconn", module + "pkg/secret", module + "pkg/trust", module + "pkg/wbm/internal/htmlform"},
		"pkg/wbm/internal/htmlform": {module + "pkg/secret", "golang.org/x/net/html", "golang.org/x/net/html/atom"},
		"pkg/internal/netconn":      {module + "pkg/trust", "golang.org/x/sys/unix"},
		"pkg/transfer": {
			module + "pkg/address", module + "pkg/internal/netconn", module + "pkg/secret", module + "pkg/trust", "github.com/icholy/digest", "github.com/jlaffaye/ftp",
			"golang.org/x/time/rate",
		},
		"pkg/transfer/serve": {
			module + "pkg/address", module + "pkg/internal/netconn", module + "pkg/secret", module + "pkg/trust", "github.com/fclairamb/ftpserverlib", "github.com/spf13/afero", "golang.org/x/time/rate",
		},
		"pkg/wpi":      {module + "pkg/internal/netconn", "golang.org/x/text/encoding/charmap"},
		"pkg/phonesim": {module + "pkg/bind", module + "pkg/wpi", "github.com/jlaffaye/ftp"}, // what shares our rule could not prove it wrong
		"pkg/fleet": {
			module + "pkg/bind", module + "pkg/display", module + "pkg/hwcheck", module + "pkg/internal/netconn", module + "pkg/secret", module + "pkg/transfer/serve", module + "pkg/wbm", module + "pkg/wpi", "golang.org/x/sync/semaphore",
		},
	}
}

// commandOrder is the order of the packages of the command: each may import those of the lines above it, and of its own line
// none. All of them may import pkg/.
func commandOrder() [][]string {
	return [][]string{
		{"exit", "settings/tomledit"},
		{"console", "atomicfile"},
		{"settings"},
		{"credentials", "knownhosts", "record"},
		{"images"},
		{"verdict"},
		{"advice"},
		{"option"},
		{"callback"},
		{"runview", "delivery"},
		{"push", "simulate", "inspect", "pack", "check", "phone", "defaults", "trustcmd", "history"},
		{"doctor", "demo", "rolloutcmd"},
	}
}

// commandFromOutside is what the packages of the command import from outside. Only package main knows cobra.
func commandFromOutside() map[string][]string {
	return map[string][]string{
		"":                  {"github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/mod/module"},
		"clitest":           {module + "pkg/bind"},
		"atomicfile":        {"github.com/gofrs/flock"},
		"console":           {"github.com/rivo/uniseg", "github.com/schollz/progressbar/v3", "github.com/spf13/pflag", "golang.org/x/sys/unix", "golang.org/x/sys/windows", "golang.org/x/term"},
		"credentials":       {"github.com/godbus/dbus/v5", "github.com/pelletier/go-toml/v2/unstable", "github.com/spf13/pflag", "github.com/zalando/go-keyring"},
		"settings":          {"github.com/pelletier/go-toml/v2/unstable"},
		"settings/tomledit": {"github.com/pelletier/go-toml/v2", "github.com/pelletier/go-toml/v2/unstable"},
		"images":            {"github.com/spf13/pflag"},
		"option":            {"github.com/spf13/pflag"},
		"delivery":          {"github.com/spf13/pflag"},
		"pack":              {"github.com/spf13/pflag"},
		"simulate":          {"github.com/spf13/pflag"},
		"defaults":          {"github.com/spf13/pflag"},
		"trustcmd":          {"github.com/spf13/pflag"},
	}
}

const command = "cmd/cpupdate/internal/"

// drawing returns the arrows of all packages.
func drawing() map[string][]string {
	all := arrows()
	var libraries, below []string
	for path := range all {
		if strings.HasPrefix(path, "pkg/") && !strings.Contains(path, "/internal/") {
			libraries = append(libraries, module+path)
		}
	}
	outside := commandFromOutside()
	for _, line := range commandOrder() {
		for _, name := range line {
			all[command+name] = slices.Concat(outside[name], libraries, below)
		}
		for _, name := range line {
			below = append(below, module+command+name)
		}
	}
	all[command+"clitest"] = outside["clitest"]
	all[command+"clitest/machine"] = below
	all["cmd/cpupdate"] = slices.Concat(outside[""], libraries, below)
	return all
}

// TestImports fails on any arrow that the drawing does not have, on every system we build for.
func TestImports(t *testing.T) {
	t.Parallel()
	all := drawing()
	for _, system := range []string{"linux", "darwin", "windows"} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"...")
		cmd.Env = append(cmd.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for decoder := json.NewDecoder(strings.NewReader(string(out))); ; seen++ {
			var p struct {
				ImportPath string
				Imports    []string
			}
			if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			allowed, drawn := all[strings.TrimPrefix(p.ImportPath, module)]
			if !drawn {
				t.Errorf("%s is not in the drawing", p.ImportPath)
			}
			for _, path := range p.Imports {
				first, _, _ := strings.Cut(path, "/")
				if strings.Contains(first, ".") && !slices.Contains(allowed, path) {
					t.Errorf("%s imports %s: the drawing has no such arrow", p.ImportPath, path)
				}
			}
		}
		if want := len(all); seen != want {
			t.Errorf("%s: %d packages, the drawing has %d", system, seen, want)
		}
	}
}

// The packages below pkg/ leave the process alone: no exit, no environment, no standard streams.
func TestLibrariesLeaveTheProcessAlone(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}} {{range .Imports}}{{.}} {{end}}", module+"pkg/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		switch strings.TrimPrefix(words[0], module) {
		case "pkg/internal/netconn", "pkg/transfer", "pkg/transfer/serve", "pkg/wbm", "pkg/wpi", "pkg/fleet", "pkg/phonesim", "pkg/rollout/report/live": // speak HTTP
			words = slices.DeleteFunc(words, func(word string) bool { return word == "net/http" })
		}
		for _, banned := range []string{"log", "flag", "os/exec", "os/signal", "net/http"} {
			if slices.Contains(words[1:], banned) {
				t.Errorf("%s imports %s", words[0], banned)
			}
		}
	}
}

// TestNoServerIsLinked fails if a package of the product needs a program that only tests start, or a package for tests.
func TestNoServerIsLinked(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", module+"cmd/cpupdate", module+"pkg/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		for _, banned := range []string{"github.com/nats-io/nats-server", "github.com/nats-io/jwt", "github.com/rogpeppe/go-internal", "github.com/google/licensecheck", "github.com/google/jsonschema-go", "testing", module + "internal/"} {
			if path := strings.TrimSpace(line); path == banned || strings.HasPrefix(path, banned+"/") || strings.HasSuffix(banned, "/") && strings.HasPrefix(path, banned) {
				t.Errorf("%s is linked", path)
			}
		}
	}
}
