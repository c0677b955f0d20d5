package advice

import (
	"errors"
	"runtime"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// MachineHint returns what to do about something that this machine lacks for a connection, "" for any other error.
func MachineHint(err error) string { return machineHint(err, runtime.GOOS) }

func machineHint(err error, system string) string {
	var lacking interface {
		error
		Lacks() string
	}
	if !errors.As(err, &lacking) {
		return ""
	}
	files := "lower --parallel, or raise the limit before you start cpupdate, with: ulimit -n 4096; on a machine where everything fails so, close other programs"
	if system == "windows" { // where a process has no such limit
		files = "lower --parallel, or close other programs"
	}
	return map[string]string{
		"files":      files,
		"ports":      "wait some minutes: the ports of ended connections become free again; then lower --parallel, or close other programs",
		"memory":     "close other programs, or lower --parallel",
		"route":      "check this machine's network: cable or Wi-Fi, its address, VPN, and the route to that network",
		"permission": "check this machine's firewall and security software: they do not permit cpupdate to connect",
		"room":       "try again; if many phones call at a time, lower --parallel",
		"names":      "check this machine's network and its DNS servers, or use IP addresses",
	}[lacking.Lacks()]
}

// withMachineHint replaces the hints if the error is about this machine.
func withMachineHint(f *exit.Error) *exit.Error {
	if hint := MachineHint(f); hint != "" {
		f.Hints = []string{hint}
	}
	return f
}

// machineText says once for a run what this machine lacked, before the names of the phones; "" if it lacked nothing.
func machineText(results []fleet.Result) string {
	for _, r := range results {
		if r.Failure != nil && r.Failure.Kind == fleet.KindMachine && r.Failure.Err != nil {
			return r.Failure.Err.Error() + "; "
		}
	}
	return ""
}
