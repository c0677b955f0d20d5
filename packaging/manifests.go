package main

import (
	"cmp"
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// templates are the manifests of package managers, before the digests are filled in.
//
//go:embed templates
var templates embed.FS

// manifests writes the manifests of Homebrew, Scoop and winget.
func (r *release) manifests() error {
	values := struct {
		Version, Base, Summary, Homepage, Date string
		Digest                                 map[string]string
	}{r.version, strings.TrimSuffix(cmp.Or(r.base, placeholderURL), "/"), summary, homepage, r.time.UTC().Format("2006-01-02"), map[string]string{}}
	for _, a := range r.artifacts {
		digest, err := fileDigest(filepath.Join(r.out, a.name))
		if err != nil {
			return err
		}
		values.Digest[strings.TrimPrefix(a.name, r.artifactName(""))] = digest
	}
	return fs.WalkDir(templates, "templates", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		parsed, err := template.New(entry.Name()).Option("missingkey=error").ParseFS(templates, path)
		if err != nil {
			return err
		}
		name := filepath.Join(r.out, filepath.FromSlash(strings.TrimPrefix(path, "templates/")))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		var text strings.Builder
		if err := parsed.Execute(&text, values); err != nil {
			return err
		}
		return os.WriteFile(name, []byte(text.String()), 0o644)
	})
}
