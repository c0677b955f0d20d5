package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// growthSizes names how many phones TestGrowth has, such as 100,1000,10000. Without it the test shows that the measurement works.
const growthSizes = "GROWTH"

// A growth is how TestGrowth measures.
type growth struct {
	program  string
	interval string // of contact requests
	restart  string // how long phones are down
	patience string // of workers
}

// A step is a command of a rollout that TestGrowth measures.
type step struct {
	name    string
	args    []string
	partial bool // phones may fail, as they do on a machine that is too busy
}

// steps returns the commands in their order. The phones are those of list.csv.
func (g growth) steps() []step {
	run := []string{"rollout", "run", "growth", "--listen", "127.0.0.1:0", "--contact-interval", g.interval, "--patience", "2m", "--probe-interval", "500ms"}
	plan := []string{"rollout", "plan", "growth.bind", "--phones", "list.csv", "--offline", "--name", "growth", "--pause", "none", "--parallel", "200"}
	report := func(form ...string) []string { return append([]string{"rollout", "report", "growth"}, form...) }
	return []step{
		{"plan --offline", plan, false},
		{"run", run, false},
		{"status", []string{"rollout", "status", "growth"}, false},
		{"report", report(), false},
		{"report --json", report("--json"), false},
		{"report --csv", report("--csv"), false},
		{"report --junit", report("--junit"), false},
		{"report --html", report("--html", "growth.html", "--force"), false},
		{"report --phone-list", report("--phone-list"), false},
	}
}

// TestGrowth carries out rollouts to more and more simulated phones of other processes, and measures each command:
//
//	make growth
//
// It prints a table, and draws docs/growth.svg. What counts is that time and memory grow no faster than the number of phones.
func TestGrowth(t *testing.T) {
	text, named := os.LookupEnv(growthSizes)
	g, picture := growth{program: "cpupdate", interval: "200ms", restart: "1s"}, filepath.Join(t.TempDir(), "growth.svg")
	if named {
		g, picture = growth{program: program(t), interval: "10s", restart: "4s"}, filepath.Join("..", "..", "docs", "growth.svg")
	} else {
		t.Parallel()
		text = "2,4"
	}
	var all []measured
	for _, size := range strings.Split(text, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			t.Fatalf("%s=%s: %v", growthSizes, text, err)
		}
		all = append(all, g.measure(t, n))
	}
	t.Log("\n" + growthTable(all))
	if err := os.WriteFile(picture, []byte(drawGrowth(all)), 0o644); err != nil { //nolint:gosec // a document
		t.Fatal(err)
	}
	checkSVG(t, picture)
}

// measured is what the commands took with so many phones.
type measured struct {
	phones int
	costs  []cost    // of each step
	peaks  []float64 // resident memory of each step in MiB
}

// measure plans a rollout to phones, carries it out, and looks at it.
func (g growth) measure(t *testing.T, phones int) measured {
	t.Helper()
	folder := t.TempDir()
	image := newImageOf(t, 1<<20)
	if err := os.Rename(image, filepath.Join(folder, "growth.bind")); err != nil {
		t.Fatal(err)
	}
	defer manyPhones(t, g.program, folder, phones, g.restart)()
	m := measured{phones: phones}
	for _, step := range g.steps() {
		out, took, peak := g.run(t, folder, step)
		if step.name == "status" {
			checkDone(t, out)
		}
		m.costs, m.peaks = append(m.costs, took), append(m.peaks, peak)
	}
	return m
}

// run runs a command in a folder, where its journal is. It returns what the command printed, took, and had of memory, in MiB.
func (g growth) run(t *testing.T, folder string, s step) (out string, took cost, peak float64) {
	t.Helper()
	if _, err := exec.LookPath("time"); err != nil {
		t.Skip("GNU time is not installed: resident memory cannot be measured")
	}
	cmd := exec.CommandContext(t.Context(), "time", append([]string{"-f", "%M", "-o", "peak", g.program}, s.args...)...) //nolint:gosec // ours
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "CPUPDATE_JOURNAL="+filepath.Join(folder, "journal.db"))
	begun := time.Now()
	text, err := cmd.CombinedOutput()
	took = cost{time.Since(begun), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if err != nil && (!s.partial || cmd.ProcessState.ExitCode() != int(exit.CodePartial)) {
		t.Fatalf("%s: %v\n%.2000s\n...\n%s", s.name, err, text, text[max(0, len(text)-2000):])
	}
	return string(text), took, peakOf(t, filepath.Join(folder, "peak"))
}

// checkDone looks whether status says that every phone is updated.
func checkDone(t *testing.T, status string) {
	t.Helper()
	if !strings.Contains(status, " 0 failed, 0 on their way, 0 waiting") || strings.Contains(status, "not complete") {
		t.Fatalf("not every phone is updated:\n%.2000s", status)
	}
}

// peakOf reads what GNU time wrote, as MiB.
func peakOf(t testing.TB, file string) float64 {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	kib, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib / 1024
}

// manyPhones starts phones in as many processes as they need, and writes list.csv into the folder. The function that it returns ends them.
func manyPhones(t testing.TB, program, folder string, phones int, restart string) (end func()) {
	t.Helper()
	const each = 1000
	var all []*exec.Cmd
	end = func() {
		for _, cmd := range all {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	var list strings.Builder
	for i := 0; i*each < phones; i++ {
		part := fmt.Sprintf("part%d.csv", i)
		cmd := exec.CommandContext(t.Context(), program, "simulate", "--count", strconv.Itoa(min(each, phones-i*each)), "-o", part, //nolint:gosec // ours
			"--listen", fmt.Sprintf("127.1.%d.1", i), "--mac", fmt.Sprintf("00:1A:E8:%02X:00:01", i), "--install-time", "100ms", "--restart-time", restart)
		cmd.Dir = folder
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
		said := bufio.NewScanner(out)
		for said.Scan() && !strings.HasPrefix(said.Text(), "phone list") {
		}
		go func() {
			for said.Scan() { // what nobody reads would hold it up
			}
		}()
		text, err := os.ReadFile(filepath.Join(folder, part))
		if err != nil {
			end()
			t.Fatal(err)
		}
		header, rows, _ := strings.Cut(string(text), "\n")
		if i == 0 {
			list.WriteString(header + "\n")
		}
		list.WriteString(rows)
	}
	if err := os.WriteFile(filepath.Join(folder, "list.csv"), []byte(list.String()), 0o600); err != nil {
		end()
		t.Fatal(err)
	}
	return end
}

// growthTable returns the measurements as a table of a document.
func growthTable(all []measured) string {
	var b strings.Builder
	b.WriteString("| command |")
	for _, m := range all {
		fmt.Fprintf(&b, " %d phones: processor | wall | resident |", m.phones)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|---|---|", len(all)) + "\n")
	for i, step := range (growth{}).steps() {
		b.WriteString("| `" + step.name + "` |")
		for _, m := range all {
			fmt.Fprintf(&b, " %.2f s | %.2f s | %.0f MiB |", m.costs[i].processor.Seconds(), m.costs[i].wall.Seconds(), m.peaks[i])
		}
		b.WriteString("\n")
	}
	return b.String()
}
