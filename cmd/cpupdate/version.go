package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
)

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return printVersion(a.con) },
	}
}

// A versionDoc is the JSON answer of version.
type versionDoc struct {
	Schema   int    `json:"schema"`
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// buildVersion returns the version that the build recorded.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// printVersion prints the version that the build recorded.
func printVersion(con *console.Console) error {
	doc := versionDoc{Schema: 1, Version: buildVersion(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			switch setting.Key {
			case "vcs.revision":
				doc.Commit = setting.Value
			case "vcs.modified":
				doc.Modified = setting.Value == "true"
			}
		}
	}
	return con.Print(doc, func(w io.Writer) {
		commit := ""
		if doc.Commit != "" {
			commit = "  commit " + doc.Commit
		}
		if doc.Modified {
			commit += " (modified)"
		}
		fmt.Fprintf(w, "cpupdate %s%s  %s  %s\n", doc.Version, commit, doc.Go, doc.Platform)
	})
}
