//go:build !race

package main

// underRace reports whether the race detector is on, with which many phones take ten times as long.
const underRace = false
