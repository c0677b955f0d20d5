package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// nobody is the user of the container, and its group.
const nobody = 65532

// images makes a container image for each kind of processor, as a tar that container programs load.
func (r *release) images() error {
	for _, t := range targets() {
		if t.os != "linux" {
			continue
		}
		a := artifact{r.artifactName(t.os + "_" + t.arch + ".oci.tar"), r.programFile(t)}
		r.create(a, func(to *os.File) error { return r.writeImage(to, t) })
	}
	return nil
}

// writeImage writes an OCI layout as a tar. It also has a manifest.json, for programs that only know what docker save writes.
func (r *release) writeImage(to *os.File, t target) (err error) {
	image, err := r.image(t)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "cpupdate-image-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	at, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	name := "cpupdate:" + strings.ReplaceAll(r.version, "+", "_")
	if err := at.AppendImage(image, layout.WithPlatform(v1.Platform{OS: t.os, Architecture: t.arch}), layout.WithAnnotations(map[string]string{
		"io.containerd.image.name": "docker.io/library/" + name, "org.opencontainers.image.ref.name": r.version,
	})); err != nil {
		return err
	}
	manifest, err := savedManifest(image, name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "manifest.json"), manifest, 0o600); err != nil {
		return err
	}
	all, err := readTree(folder, ".")
	if err != nil {
		return err
	}
	return writeTar(to, all, r.time)
}

// savedManifest returns what docker save would write about the image, whose parts are where the OCI layout has them.
func savedManifest(image v1.Image, name string) ([]byte, error) {
	place := func(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
	config, err := image.ConfigName()
	if err != nil {
		return nil, err
	}
	doc := tarball.Descriptor{Config: place(config), RepoTags: []string{name}}
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			return nil, err
		}
		doc.Layers = append(doc.Layers, place(digest))
	}
	return json.Marshal(tarball.Manifest{doc})
}

// image returns the image: one layer with what does not change from version to version, and one with the program.
func (r *release) image(t target) (v1.Image, error) {
	system, err := r.systemLayer()
	if err != nil {
		return nil, err
	}
	program, err := r.programLayer(t)
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), system, program)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Architecture, config.OS, config.Created = t.arch, t.os, v1.Time{Time: r.time}
	for i := range config.History {
		config.History[i].Created = v1.Time{Time: r.time}
	}
	config.Config = v1.Config{
		User: "65532:65532", WorkingDir: "/data", Entrypoint: []string{"/usr/bin/cpupdate"},
		Env:     []string{"PATH=/usr/bin", "HOME=/data"},
		Volumes: map[string]struct{}{"/data": {}, "/tmp": {}},
		Labels: map[string]string{
			"org.opencontainers.image.title": "cpupdate", "org.opencontainers.image.description": summary, "org.opencontainers.image.version": r.version,
			"org.opencontainers.image.revision": r.commit, "org.opencontainers.image.licenses": "Apache-2.0", "org.opencontainers.image.source": homepage,
		},
	}
	return mutate.ConfigFile(image, config)
}

// systemLayer returns the layer with certificates, time zones, the user, and the folders that are written to.
func (r *release) systemLayer() (v1.Layer, error) {
	all := []file{
		{"etc/passwd", 0o644, []byte("root:x:0:0:root:/:/sbin/nologin\ncpupdate:x:65532:65532:cpupdate:/data:/sbin/nologin\n")},
		{"etc/group", 0o644, []byte("root:x:0:\ncpupdate:x:65532:\n")},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, authorities()},
	}
	zones, err := timeZones(r.zones)
	if err != nil {
		return nil, err
	}
	return r.layer(append(all, zones...), tar.Header{Name: "data/", Mode: 0o700, Uid: nobody, Gid: nobody}, tar.Header{Name: "tmp/", Mode: 0o1777})
}

// programLayer returns the layer with the program and the licences.
func (r *release) programLayer(t target) (v1.Layer, error) {
	program, err := r.program(t)
	if err != nil {
		return nil, err
	}
	licence, err := os.ReadFile(filepath.Join(r.source, "LICENSE"))
	if err != nil {
		return nil, err
	}
	notices := r.notices()
	notices.data = append(notices.data, "\n"+strings.Repeat("=", 80)+"\netc/ssl/certs/ca-certificates.crt is made of Mozilla's list of authorities (MPL-2.0, mozilla.org/MPL/2.0).\nusr/share/zoneinfo is made of the time zone database of IANA, which is in the public domain.\n"...)
	program.name = "usr/bin/" + program.name
	notices.name = "usr/share/doc/cpupdate/" + notices.name
	return r.layer([]file{program, notices, {"usr/share/doc/cpupdate/LICENSE", 0o644, licence}})
}

// layer returns a layer with files and with folders that have an owner or mode of their own.
func (r *release) layer(all []file, folders ...tar.Header) (v1.Layer, error) {
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.name, b.name) })
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, header := range folders {
		header.Typeflag, header.ModTime, header.Format = tar.TypeDir, r.time, tar.FormatUSTAR
		if err := w.WriteHeader(&header); err != nil {
			return nil, err
		}
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	if err := writeTar(&b, all, r.time); err != nil { // its end is that of the layer too
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil },
		tarball.WithCompressionLevel(gzip.DefaultCompression), tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

// authorities returns the authorities of Mozilla's list, in PEM. Those that count for old certificates only are left out: a file in PEM
// cannot say so.
func authorities() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // to memory
		}
	}
	return b.Bytes()
}

// timeZones returns the files of Go's zoneinfo.zip, where programs look for them.
func timeZones(name string) ([]file, error) {
	r, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var zones []file
	for _, entry := range r.File {
		if entry.FileInfo().IsDir() {
			continue
		}
		f, err := entry.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		zones = append(zones, file{"usr/share/zoneinfo/" + entry.Name, 0o644, data})
	}
	return zones, nil
}
