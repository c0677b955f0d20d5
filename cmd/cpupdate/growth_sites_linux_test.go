package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/cpupdate/cpupdate/internal/natstest"
)

// Variables of TestGrowthSites.
const (
	growthOfSites = "GROWTH_SITES" // phones and sites, such as 1000x20,10000x20
	natsServer    = "NATS_SERVER"  // a program to measure, instead of the newest nats-server
)

// atATime is how many phones are on their way at a time, of all sites together.
const atATime = 200

// TestGrowthSites carries out rollouts to more and more simulated phones on sites with a worker each, with a journal on a nats-server. All of them
// are processes of their own:
//
//	make growth-sites
//
// It prints a table. What counts is that messages, bytes and memory grow no faster than the number of phones, and not with the number of sites.
// Without GROWTH_SITES it shows that the measurement works.
func TestGrowthSites(t *testing.T) {
	text := os.Getenv(growthOfSites)
	g, program, more := growth{program: "cpupdate", interval: "200ms", restart: "1s", patience: "2m"}, "", []string(nil)
	if named() {
		g = growth{program: programOf(t, "."), interval: "10s", restart: "4s", patience: "20m"}
		if program = os.Getenv(natsServer); program == "" {
			program, more = programOf(t, "github.com/nats-io/nats-server/v2"), []string{"sync_interval: always"}
		}
	} else {
		t.Parallel()
		text, program = "2x1,4x2", natstest.Program(t)
	}
	var table strings.Builder
	table.WriteString(sitesHeader)
	for _, size := range strings.Split(text, ",") {
		var phones, sites int
		if n, err := fmt.Sscanf(size, "%dx%d", &phones, &sites); n != 2 || phones < 1 || sites < 1 {
			t.Fatalf("%s=%s: %v", growthOfSites, text, err)
		}
		row := g.ofSites(t, program, more, phones, sites)
		t.Log("\n" + row)
		table.WriteString(row)
	}
	t.Log("\n" + table.String())
}

// named reports whether the numbers of phones and sites are named.
func named() bool { return os.Getenv(growthOfSites) != "" }

// A traffic is what a nats-server has seen, and what it has.
type traffic struct {
	messages, bytes float64 // in both directions
	stored          float64 // messages
	processor       time.Duration
}

// trafficOf asks a server.
func trafficOf(t *testing.T, s *natstest.Process) traffic {
	t.Helper()
	var v server.Varz
	var z server.JSInfo
	s.Figures(t, "varz", &v)
	s.Figures(t, "jsz", &z)
	return traffic{float64(v.InMsgs + v.OutMsgs), float64(v.InBytes + v.OutBytes), float64(z.Messages), processorOf(t, s.Cmd.Process.Pid)}
}

// processorOf returns the processor time of a process so far.
func processorOf(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const user, kernel, tick = 11, 12, time.Second / 100 // USER_HZ is 100 for all programs
	u, err1 := strconv.Atoi(fields[user])
	k, err2 := strconv.Atoi(fields[kernel])
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return time.Duration(u+k) * tick
}

// peakNow returns how much memory a process has had at most, in MiB.
func peakNow(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib / 1024
}

// sizeOf returns how many bytes the files of a folder have.
func sizeOf(t *testing.T, folder string) (size float64) {
	t.Helper()
	err := filepath.Walk(folder, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			size += float64(info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// sitesHeader is the head of the table.
const sitesHeader = "| phones | sites | messages a phone: plan | run | reports | bytes a phone: plan | run | reports | stored a phone: messages | bytes on disk | server: memory | processor a phone" +
	" | workers: largest memory | processor a phone | centre: memory | processor a phone | run |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"

// ofSites carries out a rollout, and returns a row of the table. What the image takes on its way and on disk is left out.
func (g growth) ofSites(t *testing.T, program string, more []string, phones, sites int) string {
	t.Helper()
	folder, store := t.TempDir(), t.TempDir()
	const size = 64 << 10
	if err := os.Rename(newImageOf(t, size), filepath.Join(folder, "growth.bind")); err != nil {
		t.Fatal(err)
	}
	defer manyPhones(t, g.program, folder, phones, g.restart)()
	spread(t, filepath.Join(folder, "list.csv"), sites)
	s := natstest.Start(t, program, natstest.Config(store, more...))
	flags := []string{"--nats", s.URL()}
	centre := func(name string, args ...string) (out string, took cost, peak float64) {
		return g.run(t, folder, step{name, append(append([]string{"rollout", name}, args...), flags...), name == "run"})
	}
	_, plan, _ := centre("plan", "growth.bind", "--phones", "list.csv", "--offline", "--name", "growth", "--pause", "none", "--stop-on", "any=50%", "--parallel", strconv.Itoa(max(1, atATime/sites)))
	planned := trafficOf(t, s)
	workers := g.workers(t, folder, sites, flags)
	_, run, peak := centre("run", "growth")
	carried := trafficOf(t, s)
	largest, spent := workers()
	status, looked, _ := centre("status", "growth")
	if !named() {
		checkDone(t, status)
	}
	t.Log("\n" + status)
	_, reported, _ := centre("report", "growth", "--html", "growth.html")
	all := trafficOf(t, s)
	each, image := float64(phones), float64(size)
	perPhone := func(d time.Duration) float64 { return d.Seconds() * 1000 / each }
	return fmt.Sprintf("| %d | %d | %.1f | %.1f | %.1f | %.0f | %.0f | %.0f | %.1f | %.0f | %.0f MiB | %.1f ms | %.0f MiB | %.1f ms | %.0f MiB | %.1f ms | %.0f s |\n",
		phones, sites, planned.messages/each, (carried.messages-planned.messages)/each, (all.messages-carried.messages)/each,
		(planned.bytes-2*image)/each, (carried.bytes-planned.bytes-float64(sites)*image)/each, (all.bytes-carried.bytes)/each,
		all.stored/each, (sizeOf(t, store)-image)/each, peakNow(t, s.Cmd.Process.Pid), perPhone(all.processor),
		largest, perPhone(spent), peak, perPhone(plan.processor+run.processor+looked.processor+reported.processor), run.wall.Seconds())
}

// spread writes sites into a list of phones.
func spread(t *testing.T, list string, sites int) {
	t.Helper()
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := slices.Index(rows[0], "site")
	for i, row := range rows[1:] {
		row[column] = siteOf(i % sites)
	}
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func siteOf(i int) string { return fmt.Sprintf("site-%02d", i+1) }

// workers starts a worker for each site. The function that it returns ends them, and returns the largest memory of one and the processor time of all.
func (g growth) workers(t *testing.T, folder string, sites int, flags []string) (end func() (float64, time.Duration)) {
	t.Helper()
	var all []*exec.Cmd
	for i := range sites {
		cmd := exec.CommandContext(t.Context(), g.program, append([]string{ //nolint:gosec // ours
			"rollout", "work", "--site", siteOf(i), "--image-cache", "images-" + siteOf(i), "--listen", "127.0.0.1:0", "--contact-interval", g.interval, "--patience", g.patience, "--probe-interval", "500ms",
		}, flags...)...)
		cmd.Dir, cmd.Stderr = folder, os.Stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		said := bufio.NewScanner(out)
		for said.Scan() && !strings.Contains(said.Text(), "waits for a rollout") {
		}
		go func() { _, _ = io.Copy(io.Discard, out) }()
		all = append(all, cmd)
	}
	return func() (largest float64, spent time.Duration) {
		for _, cmd := range all {
			largest = max(largest, peakNow(t, cmd.Process.Pid))
			_ = cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err != nil {
				t.Errorf("a worker: %v", err)
			}
			spent += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		}
		return largest, spent
	}
}
