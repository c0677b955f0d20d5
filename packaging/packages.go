package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/apk"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	"github.com/goreleaser/nfpm/v2/rpm"
)

const (
	homepage    = "https://github.com/cpupdate/cpupdate"
	summary     = "Update the firmware of OpenScape Desk Phone CP and OpenStage phones"
	description = "cpupdate reads a firmware image, says before anything is sent whether a phone will accept it and why,\n" +
		"installs it on one phone or on thousands, and follows each phone until it reports the new version."
)

// A form is a format of packages.
type form struct {
	name     string
	packager nfpm.Packager
	version  func(string) (string, error)
	zsh      string // where this kind of system looks for completions of zsh
	about    string // the description
}

// forms returns all formats.
func forms() []form {
	const vendor, site = "/usr/share/zsh/vendor-completions", "/usr/share/zsh/site-functions"
	return []form{
		{"deb", deb.Default, tildeVersion, vendor, summary + "\n" + description},
		{"rpm", rpm.DefaultRPM, tildeVersion, site, description},
		{"apk", apk.Default, apkVersion, site, summary},
	}
}

// packages makes the packages for Linux.
func (r *release) packages() error {
	for _, t := range targets() {
		for _, f := range forms() {
			if t.os != "linux" {
				continue
			}
			version, err := f.version(r.version)
			if err != nil {
				return err
			}
			a := artifact{r.artifactName(t.os + "_" + t.arch + "." + f.name), r.programFile(t)}
			r.create(a, func(to *os.File) error { return r.writePackage(to, f, t, version) })
		}
	}
	return nil
}

// writePackage writes one package. nfpm reads its files from a folder.
func (r *release) writePackage(to *os.File, f form, t target, version string) (err error) {
	all, err := r.installed(f)
	if err != nil {
		return err
	}
	staging, err := os.MkdirTemp("", "cpupdate-package-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	contents := files.Contents{{Source: r.programFile(t), Destination: "/usr/bin/cpupdate", FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: 0o755, MTime: r.time}}}
	for i, each := range all {
		source := filepath.Join(staging, fmt.Sprint(i))
		if err := os.WriteFile(source, each.data, 0o600); err != nil {
			return err
		}
		kind := files.TypeFile
		if f.name == "rpm" && strings.HasPrefix(each.name, "/usr/share/licenses/") {
			kind = files.TypeRPMLicense
		}
		contents = append(contents, &files.Content{Source: source, Destination: each.name, Type: kind, FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: each.mode, MTime: r.time}})
	}
	if f.name == "rpm" { // it removes no folder that it was not told of
		contents = append(contents, &files.Content{Destination: "/usr/share/licenses/cpupdate", Type: files.TypeDir, FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: 0o755, MTime: r.time}})
	}
	info := &nfpm.Info{
		Name: "cpupdate", Arch: t.arch, Platform: t.os, Version: version, VersionSchema: "none", Section: "net", Priority: "optional",
		Maintainer: "The cpupdate authors <cpupdate@downloads.example>", Description: f.about, Homepage: homepage, License: "Apache-2.0", MTime: r.time,
		DisableGlobbing: true,
		Overridables: nfpm.Overridables{
			Contents: contents, Umask: 0o022,
			Deb: nfpm.Deb{Compression: "gzip:6"}, // the highest level takes twice as long, for 0.3 % of the size
			RPM: nfpm.RPM{Summary: summary, BuildHost: "localhost", Group: "Applications/System"},
		},
	}
	if err := nfpm.PrepareForPackager(info, f.name); err != nil {
		return err
	}
	return f.packager.Package(info, to)
}

// installed returns what a package installs beside the program, with full names: man pages, completions, and the licences, which
// have to go with the program.
func (r *release) installed(f form) ([]file, error) {
	pages, err := r.manPages()
	if err != nil {
		return nil, err
	}
	var all []file
	for _, page := range pages {
		data, err := zipped(page.data)
		if err != nil {
			return nil, err
		}
		all = append(all, file{"/usr/share/man/man1/" + page.name + ".gz", 0o644, data})
	}
	for name, place := range map[string]string{
		"cpupdate.bash": "/usr/share/bash-completion/completions/cpupdate",
		"cpupdate.fish": "/usr/share/fish/vendor_completions.d/cpupdate.fish",
		"_cpupdate":     f.zsh + "/_cpupdate",
	} {
		data, err := os.ReadFile(filepath.Join(r.in, "completions", name))
		if err != nil {
			return nil, err
		}
		all = append(all, file{place, 0o644, data})
	}
	licence, err := os.ReadFile(filepath.Join(r.source, "LICENSE"))
	if err != nil {
		return nil, err
	}
	notices := r.notices()
	if f.name == "deb" {
		all = append(all, file{"/usr/share/doc/cpupdate/copyright", 0o644, slices.Concat(licence, []byte("\n"), notices.data)})
	} else {
		all = append(all, file{"/usr/share/licenses/cpupdate/LICENSE", 0o644, licence}, file{"/usr/share/licenses/cpupdate/NOTICES.txt", 0o644, notices.data})
	}
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// tildeVersion returns a version for dpkg and rpm, for which 1.2.3~rc.1 is less than 1.2.3.
func tildeVersion(version string) (string, error) {
	number, before, found := strings.Cut(version, "-")
	if !found {
		return version, nil
	}
	return number + "~" + strings.ReplaceAll(before, "-", "."), nil
}

// apkBefore matches what precedes a version: a candidate, the date of a commit, or a candidate and the date of a commit after it.
var apkBefore = regexp.MustCompile(`^(?:(alpha|beta|rc)\.?(\d+))?(?:\.?(?:0\.)?(\d{14})-[0-9a-f]{12})?$`)

// apkVersion returns a version for apk, for which 1.2.3_rc1 and 1.2.3_pre2026 are less than 1.2.3, and 1.2.3_rc1_p2026 is greater than 1.2.3_rc1.
func apkVersion(version string) (string, error) {
	version, _, _ = strings.Cut(version, "+")
	number, before, found := strings.Cut(version, "-")
	if !found {
		return number + "-r0", nil
	}
	parts := apkBefore.FindStringSubmatch(before)
	switch {
	case parts == nil:
		return "", fmt.Errorf("version %s cannot be written as one of apk: use alpha, beta or rc and a number, such as %s-rc.1", version, number)
	case parts[1] != "" && parts[3] != "":
		return number + "_" + parts[1] + parts[2] + "_p" + parts[3] + "-r0", nil
	case parts[1] != "":
		return number + "_" + parts[1] + parts[2] + "-r0", nil
	}
	return number + "_pre" + parts[3] + "-r0", nil
}
