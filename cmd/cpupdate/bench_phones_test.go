package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkThousandPhones takes an image of 8 MiB into a thousand simulated phones of another process, all at once. It is
// run once, whatever -benchtime says: what counts is that it completes, and in how much memory. Goal: under 256 MiB
// resident, simulator not included.
func BenchmarkThousandPhones(b *testing.B) {
	if _, err := exec.LookPath("time"); err != nil {
		b.Skip("GNU time is not installed: resident memory cannot be measured")
	}
	image, program, folder := largeImage(b, 8<<20), program(b), b.TempDir()
	simulate := exec.CommandContext(b.Context(), program, "simulate", "--count", "1000", "--software-type", "SIP", "--running", "V1 R4.9.0", "--restart-time", "8s")
	simulate.Dir = folder
	out, err := simulate.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := simulate.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = simulate.Wait() }()
	defer func() { _ = simulate.Process.Kill() }()
	ready := bufio.NewScanner(out)
	for ready.Scan() && !strings.HasPrefix(ready.Text(), "phone list") {
	}
	go func() {
		for ready.Scan() { // what nobody reads would hold it up
		}
	}()
	peak := filepath.Join(folder, "peak")
	push := exec.CommandContext(b.Context(), "time", "-f", "%M", "-o", peak, program, "push", image, "--phones", "sim.csv", "--serve",
		"--parallel", "1000", "--contact-interval", "10s", "--patience", "1m", "--probe-interval", "1s")
	push.Dir = folder
	start := time.Now()
	text, err := push.CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, text)
	}
	b.ReportMetric(time.Since(start).Seconds(), "s")
	if !strings.Contains(string(text), "1000 phones: 1000 updated") {
		b.Errorf("not every phone is updated:\n%s", text)
	}
	kib, err := os.ReadFile(peak)
	if err != nil {
		b.Fatal(err)
	}
	resident, err := strconv.ParseFloat(strings.TrimSpace(string(kib)), 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(resident/1024, "MiB-resident")
	b.ReportMetric(0, "ns/op") // one run of both processes: says nothing
}
