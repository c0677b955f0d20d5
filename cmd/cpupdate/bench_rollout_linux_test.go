package main

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkRolloutBesidePush takes an image of 1 MiB into a thousand simulated phones of another process, by rollout run and by push in
// turn, each with new phones. BEFORE names another program, such as an earlier version, for the push. Goal: 1.05 times the push.
func BenchmarkRolloutBesidePush(b *testing.B) {
	ours, payload := program(b), largePayload(b, 1<<20)
	image := filepath.Join(filepath.Dir(payload), "rollout.bind")
	runQuiet(b, "pack", payload, "-o", image, "--family", "OpenScape Desk Phone CP", "--model", "CP600",
		"--software-type", "Unify HFA", "--software-version", versionNew, "--hw-levels", "1-3")
	peer := cmp.Or(os.Getenv("BEFORE"), ours)
	common := []string{"--listen", "127.0.0.1:0", "--contact-interval", "10s", "--patience", "2m", "--probe-interval", "500ms"}
	push := append([]string{peer, "push", image, "--phones", "list.csv", "--serve", "--parallel", "200"}, common...)
	run := append([]string{ours, "rollout", "run", "bench"}, common...)
	plan := []string{ours, "rollout", "plan", image, "--phones", "list.csv", "--offline", "--name", "bench", "--waves", "rest", "--pause", "none", "--parallel", "200"}
	var walls, processors, seconds []float64
	for i := 0; b.Loop(); i++ {
		mine := func() cost { return withPhones(b, ours, plan, run) }
		its := func() cost { return withPhones(b, ours, push) }
		var own, other cost
		if i%2 == 0 { // neither always runs first
			own, other = mine(), its()
		} else {
			other, own = its(), mine()
		}
		b.Logf("rollout run: %v wall, %v processor; push: %v, %v", own.wall, own.processor, other.wall, other.processor)
		seconds = append(seconds, own.wall.Seconds())
		walls = append(walls, own.wall.Seconds()/other.wall.Seconds())
		processors = append(processors, own.processor.Seconds()/other.processor.Seconds())
	}
	b.ReportMetric(median(seconds), "s")
	b.ReportMetric(median(walls), "x-push")
	b.ReportMetric(median(processors), "cpu-x-push")
	b.ReportMetric(0, "ns/op") // both processes together: says nothing
}

// withPhones starts a thousand phones and runs commands, and returns what the last one took.
func withPhones(b *testing.B, simulator string, commands ...[]string) (took cost) {
	b.Helper()
	folder := b.TempDir()
	defer manyPhones(b, simulator, folder, 1000, "4s")()
	for _, args := range commands {
		cmd := exec.CommandContext(b.Context(), args[0], slices.Clone(args[1:])...)
		cmd.Dir, cmd.Env = folder, append(os.Environ(), "CPUPDATE_JOURNAL="+filepath.Join(folder, "journal.db"))
		begun := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%q: %v\n%.2000s", args[:3], err, out)
		}
		took = cost{time.Since(begun), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	}
	return took
}
