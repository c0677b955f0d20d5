//go:build !race

package rollout_test

// underRace reports whether the race detector is on, with which a simulation takes ten times as long.
const underRace = false
