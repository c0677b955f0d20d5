package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

const modulePath = "github.com/cpupdate/cpupdate"

// billEnd is the end of the name of a bill of materials, after the name of its artifact.
const billEnd = ".cdx.json"

// bills writes a bill of materials (CycloneDX) for each artifact.
func (r *release) bills() error {
	for _, a := range r.artifacts {
		bom, err := r.bill(a)
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		f, err := os.OpenFile(filepath.Join(r.out, a.name+billEnd), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		err = cyclonedx.NewBOMEncoder(f, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// bill returns the bill of materials of an artifact: the modules that Go recorded in the program; of the source, those that it needs
// on any system.
func (r *release) bill(a artifact) (*cyclonedx.BOM, error) {
	digest, err := fileDigest(filepath.Join(r.out, a.name))
	if err != nil {
		return nil, err
	}
	modules, err := r.modulesOf(a)
	if err != nil {
		return nil, err
	}
	var parts []cyclonedx.Component
	var refs []string
	for _, m := range modules {
		part := cyclonedx.Component{BOMRef: moduleURL(m), Type: cyclonedx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: moduleURL(m)}
		part.Licenses = licencesOf(m.Licences)
		parts = append(parts, part)
		refs = append(refs, part.BOMRef)
	}
	if strings.HasSuffix(a.name, ".oci.tar") {
		data, ref := cyclonedx.ComponentTypeData, "authorities"
		parts = append(parts, cyclonedx.Component{BOMRef: ref, Type: data, Name: "Mozilla's list of authorities", Licenses: licencesOf([]string{"MPL-2.0"})},
			cyclonedx.Component{BOMRef: "zones", Type: data, Name: "time zone database of IANA"})
		refs = append(refs, ref, "zones")
	}
	main := cyclonedx.Component{
		BOMRef: "cpupdate", Type: cyclonedx.ComponentTypeApplication, Name: "cpupdate", Version: "v" + r.version, Description: summary, Licenses: licencesOf([]string{"Apache-2.0"}),
		PackageURL: "pkg:golang/" + modulePath + "@v" + r.version,
		Hashes:     &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: digest}},
		Properties: &[]cyclonedx.Property{{Name: "cpupdate:file", Value: a.name}, {Name: "cpupdate:commit", Value: r.commit}},
	}
	bom := cyclonedx.NewBOM()
	bom.SerialNumber = "urn:uuid:" + uuidOf(digest)
	bom.Metadata = &cyclonedx.Metadata{Timestamp: r.time.UTC().Format(time.RFC3339), Component: &main}
	bom.Components = &parts
	dependencies := []cyclonedx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	bom.Dependencies = &dependencies
	return bom, nil
}

// modulesOf returns the modules in an artifact, sorted, with their licences.
func (r *release) modulesOf(a artifact) ([]moduleDoc, error) {
	if a.program == "" {
		return r.modules, nil
	}
	info, err := buildinfo.ReadFile(a.program)
	if err != nil {
		return nil, err
	}
	modules := []moduleDoc{{Path: "std", Version: info.GoVersion}}
	for _, dep := range info.Deps {
		modules = append(modules, moduleDoc{Path: dep.Path, Version: dep.Version})
	}
	for i, m := range modules {
		at := slices.IndexFunc(r.modules, func(other moduleDoc) bool { return other.Path == m.Path && other.Version == m.Version })
		if at < 0 {
			return nil, fmt.Errorf("the licence of the module %s %s is not known", m.Path, m.Version)
		}
		modules[i] = r.modules[at]
	}
	return modules, nil
}

// moduleURL returns the package URL of a module.
func moduleURL(m moduleDoc) string {
	return "pkg:golang/" + m.Path + "@" + strings.TrimPrefix(m.Version, "go")
}

// licencesOf returns SPDX identifiers as CycloneDX has them; nil without any.
func licencesOf(names []string) *cyclonedx.Licenses {
	if len(names) == 0 {
		return nil
	}
	var all cyclonedx.Licenses
	for _, name := range names {
		all = append(all, cyclonedx.LicenseChoice{License: &cyclonedx.License{ID: name}})
	}
	return &all
}

// uuidOf returns a UUID (version 8: made in a way of one's own) from a digest.
func uuidOf(digest string) string {
	return digest[:8] + "-" + digest[8:12] + "-8" + digest[13:16] + "-8" + digest[17:20] + "-" + digest[20:32]
}

// fileDigest returns the SHA-256 of a file, as hexadecimal digits.
func fileDigest(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// sums writes SHA256SUMS, with every other file of the release.
func (r *release) sums() error {
	var b strings.Builder
	err := filepath.WalkDir(r.out, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		digest, err := fileDigest(path)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(r.out, path)
		fmt.Fprintf(&b, "%s  %s\n", digest, filepath.ToSlash(below))
		return err
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(b.String()), 0o644)
}
