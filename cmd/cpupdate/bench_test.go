package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// The benchmarks time whole processes, ours and a peer in turn, and report the median of the ratios of each pair:
//
//	make bench
//
// A figure without its peer means little on a machine that others use too.

// BenchmarkInspect reads an image of 256 MiB and verifies its digest. Goal: 1.0 times openssl, under 24 MiB resident.
func BenchmarkInspect(b *testing.B) {
	image := largeImage(b, 256<<20)
	compare(b, []string{program(b), "inspect", image}, []string{"openssl", "dgst", "-sha256", image})
}

// BenchmarkInspectHeaderOnly leaves the payload of that image alone. Goal: under 20 ms.
func BenchmarkInspectHeaderOnly(b *testing.B) {
	image := largeImage(b, 256<<20)
	ours := []string{program(b), "inspect", "--header-only", image}
	b.Run("true", func(b *testing.B) { compare(b, ours, []string{"true"}) })
	b.Run("curl", func(b *testing.B) { compare(b, ours, []string{"curl", "--version"}) })
}

// BenchmarkVersion is the time to start. Goal: 5 ms, 0.6 times curl.
func BenchmarkVersion(b *testing.B) {
	compare(b, []string{program(b), "version"}, []string{"curl", "--version"})
}

// compare runs the two commands in turn, and reports the wall time of ours as times that of the peer.
func compare(b *testing.B, ours, peer []string) {
	b.Helper()
	compareWith(b, ours, peer, nil)
}

// compareWith reports besides the processor time of ours as times that of the peer plus that of a digest, unless digest
// is nil.
func compareWith(b *testing.B, ours, peer, digest []string) {
	b.Helper()
	if _, err := exec.LookPath(peer[0]); err != nil {
		b.Skipf("%s is not installed", peer[0])
	}
	measure(b, ours) // once for the caches
	measure(b, peer)
	var own, walls, processors []float64
	for i := 0; b.Loop(); i++ {
		var mine, other cost
		if i%2 == 0 { // neither always runs first
			mine, other = measure(b, ours), measure(b, peer)
		} else {
			other, mine = measure(b, peer), measure(b, ours)
		}
		own = append(own, mine.wall.Seconds()*1000)
		walls = append(walls, mine.wall.Seconds()/other.wall.Seconds())
		if digest != nil {
			other.processor += measure(b, digest).processor
			processors = append(processors, mine.processor.Seconds()/other.processor.Seconds())
		}
	}
	b.ReportMetric(median(own), "ms")
	b.ReportMetric(median(walls), "x-"+peer[0])
	if digest != nil {
		b.ReportMetric(median(processors), "cpu-x-"+peer[0]+"+"+digest[0])
	}
	if resident := residentMiB(b, ours); resident > 0 {
		b.ReportMetric(resident, "MiB-resident")
	}
	b.ReportMetric(0, "ns/op") // both processes together: says nothing
}

// A cost is what one run of a process takes: wall time, and processor time in user and kernel mode.
type cost struct{ wall, processor time.Duration }

// measure runs a process to its end. The kernel reports the processor time with its exit (wait4), and counts no other
// process, such as the server.
func measure(b *testing.B, args []string) cost {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), args[0], args[1:]...)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%q: %v\n%s", args, err, out)
	}
	return cost{time.Since(start), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
}

// residentMiB asks GNU time, since a process that this one starts inherits its peak; 0 if it is not installed.
func residentMiB(b *testing.B, args []string) float64 {
	b.Helper()
	report := filepath.Join(b.TempDir(), "peak")
	args = append([]string{"-f", "%M", "-o", report}, args...)
	if err := exec.CommandContext(b.Context(), "time", args...).Run(); err != nil {
		b.Log("GNU time is not installed: resident memory is not measured")
		return 0
	}
	text, err := os.ReadFile(report)
	if err != nil {
		b.Fatal(err)
	}
	kib, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// program builds the command as it is released.
func program(b testing.TB) string {
	b.Helper()
	return programOf(b, ".")
}

// programOf builds a program.
func programOf(b testing.TB, main string) string {
	b.Helper()
	name := filepath.Join(b.TempDir(), "program")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-o", name, main)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return name
}

// largeImage writes a CPB image with a payload of the given size.
func largeImage(b *testing.B, size int64) string {
	b.Helper()
	payload := largePayload(b, size)
	out := filepath.Join(filepath.Dir(payload), "large.bind")
	runQuiet(b, "pack", payload, "-o", out, "--software-type", "SIP", "--software-version", "1.9.2.0")
	return out
}

// describedImage writes an image without a header, and a descriptor beside it that states its SHA-256.
func describedImage(b *testing.B, size int64) string {
	b.Helper()
	payload := largePayload(b, size)
	runQuiet(b, "describe", payload, "--family", "OpenScape Desk Phone CP", "--software-type", "SIP", "--software-version", "V1 R9.2.0")
	return payload
}

func runQuiet(b *testing.B, args ...string) {
	b.Helper()
	a := newTestApp(&console.Console{Out: io.Discard, Err: os.Stderr, Width: 80}, "")
	if c := run(b.Context(), a, args); c != exit.CodeOK {
		b.Fatalf("%s ended with %d", args[0], c)
	}
}

// largePayload writes a file of the given size that does not compress to nothing in any cache.
func largePayload(b *testing.B, size int64) string {
	b.Helper()
	payload, err := os.Create(filepath.Join(memoryFolder(b), "payload"))
	if err != nil {
		b.Fatal(err)
	}
	defer payload.Close()
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i*i>>7 + i)
	}
	for range size / int64(len(block)) {
		if _, err := payload.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	return payload.Name()
}
