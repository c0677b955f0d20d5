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
		Long: `Print the version, the commit and its date, the version of Go, and the system for
which the program was built. What the build did not record is left out.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return printVersion(a.con) },
	}
}

// A versionDoc is the JSON answer of version.
type versionDoc struct {
	Schema   int    `json:"schema"`
	Version  string `json:"version"`
	Commit   string `json:"commit"` // empty if the build did not record it
	Date     string `json:"date"`   // of the commit, in UTC; empty if the build did not record it
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// buildVersion returns the version that the build recorded.
func buildVersion() string {
	return recorded().version
}

// recorded returns the origin of this program.
func recorded() origins {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return originOf(info, sourceText)
}

// printVersion prints what the build recorded.
func printVersion(con *console.Console) error {
	from := recorded()
	doc := versionDoc{
		Schema: 1, Version: from.version, Commit: from.commit, Date: from.date, Modified: from.modified,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	return con.Print(doc, func(w io.Writer) {
		text := "cpupdate " + doc.Version
		if doc.Commit != "" {
			text += "  commit " + doc.Commit
		}
		if doc.Modified {
			text += " (modified)"
		}
		if doc.Date != "" {
			text += "  " + doc.Date
		}
		fmt.Fprintf(w, "%s  %s  %s\n", text, doc.Go, doc.Platform)
	})
}
