// Command list prints, as JSON, the modules of which the packages that are its arguments need code on any system for which
// releases are built, with their licences. The scripts that make a release use it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/internal/licences"
)

// A moduleDoc is one module.
type moduleDoc struct {
	Path     string    `json:"path"`
	Version  string    `json:"version"`
	Licences []string  `json:"licences"` // SPDX identifiers of those that a program recognised
	Files    []fileDoc `json:"files"`
}

// A fileDoc is a file with a licence or a notice.
type fileDoc struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

func main() {
	if err := list(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "list:", err)
		os.Exit(1)
	}
}

// list prints the modules.
func list(ctx context.Context, packages []string) error {
	modules, err := licences.Linked(ctx, ".", packages...)
	if err != nil {
		return err
	}
	scanner, err := licences.NewScanner()
	if err != nil {
		return err
	}
	docs := make([]moduleDoc, 0, len(modules))
	for _, m := range modules {
		doc := moduleDoc{Path: m.Path, Version: m.Version, Licences: []string{}}
		for _, f := range m.Files {
			names, _ := scanner.Names(f.Text)
			for _, name := range names {
				if !strings.HasPrefix(name, "link:") && name != "GooglePatentsFile" && !slices.Contains(doc.Licences, name) {
					doc.Licences = append(doc.Licences, name)
				}
			}
			doc.Files = append(doc.Files, fileDoc{f.Name, string(f.Text)})
		}
		docs = append(docs, doc)
	}
	return json.NewEncoder(os.Stdout).Encode(docs)
}
