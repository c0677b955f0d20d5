package main

import (
	"cmp"
	_ "embed" // for source.txt
	"runtime/debug"
	"strings"
	"time"

	gomod "golang.org/x/mod/module"
)

// sourceText is the text of source.txt. In a clone it is a pattern. git archive replaces the pattern with the commit, its date and
// the newest tag before it: a source archive has no repository that Go could query.
//
//go:embed source.txt
var sourceText string

// An origins value says which source the program was built from. Each value is empty if it is not known, except the version.
type origins struct {
	version  string // such as v1.2.3
	commit   string
	date     string // of the commit, in UTC, as in RFC 3339
	modified bool   // there were changes that are in no commit
}

// originOf reads the origin from the text of source.txt, or else from what Go recorded.
//   - In an unpacked source archive, the text has everything. Go records nothing, or the commit of a repository around it.
//   - In a clone, Go records commit and date.
//   - With go install ...@VERSION, Go records the version. One of a commit without a tag contains the commit and its date.
func originOf(info *debug.BuildInfo, text string) origins {
	o := origins{version: cmp.Or(info.Main.Version, "unknown")}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			o.commit = setting.Value
		case "vcs.time":
			o.date = setting.Value
		case "vcs.modified":
			o.modified = setting.Value == "true"
		}
	}
	if archived, ok := archiveOrigin(text); ok {
		archived.modified = o.modified
		return archived
	}
	if o.commit == "" && gomod.IsPseudoVersion(o.version) {
		o.commit, _ = gomod.PseudoVersionRev(o.version)
		if at, err := gomod.PseudoVersionTime(o.version); err == nil {
			o.date = at.UTC().Format(time.RFC3339)
		}
	}
	return o
}

// archiveOrigin reads the text that git archive wrote: commit, date, and the newest tag, if there is one. ok is false for a pattern
// that was not replaced.
func archiveOrigin(text string) (o origins, ok bool) {
	fields := strings.Fields(text)
	if len(fields) < 2 || len(fields[0]) < 40 || strings.Trim(fields[0], "0123456789abcdef") != "" {
		return origins{}, false
	}
	at, err := time.Parse(time.RFC3339, fields[1])
	if err != nil {
		return origins{}, false
	}
	o = origins{commit: fields[0], date: at.UTC().Format(time.RFC3339)}
	o.version = gomod.PseudoVersion("", "", at, o.commit[:12])
	if len(fields) > 2 && strings.HasPrefix(fields[2], "v") { // an old git leaves this part of the pattern as it is
		tag, exact := tagOf(fields[2])
		if o.version = tag; !exact {
			o.version = gomod.PseudoVersion("", tag, at, o.commit[:12])
		}
	}
	return o, true
}

// tagOf returns the tag in what git describe printed: TAG, or TAG-NUMBER-gCOMMIT for a commit after the tag.
func tagOf(described string) (tag string, exact bool) {
	parts := strings.Split(described, "-")
	if n := len(parts); n > 2 && strings.HasPrefix(parts[n-1], "g") && strings.Trim(parts[n-2], "0123456789") == "" {
		return strings.Join(parts[:n-2], "-"), false
	}
	return described, true
}
