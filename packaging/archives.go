package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// archives makes an archive for each system: a zip for Windows, a compressed tar for the others. All is below one folder, which
// has the name of the archive.
func (r *release) archives() error {
	texts, err := r.texts()
	if err != nil {
		return err
	}
	for _, t := range targets() {
		program, err := r.program(t)
		if err != nil {
			return err
		}
		folder := r.artifactName(t.os + "_" + t.arch)
		files := inFolder(folder, append([]file{program}, texts...))
		end, write := ".tar.gz", writeTarGz
		if t.os == "windows" {
			end, write = ".zip", writeZip
		}
		r.create(artifact{folder + end, r.programFile(t)}, func(f *os.File) error { return write(f, files, r.time) })
	}
	return nil
}

// inFolder returns the files below a folder, sorted by name.
func inFolder(folder string, files []file) []file {
	below := make([]file, len(files))
	for i, f := range files {
		f.name = path.Join(folder, f.name)
		below[i] = f
	}
	slices.SortFunc(below, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return below
}

// sourceArchive compresses the source archive that git made.
func (r *release) sourceArchive() error {
	r.create(artifact{name: r.artifactName("source.tar.gz")}, func(f *os.File) error {
		from, err := os.Open(filepath.Join(r.in, "source.tar"))
		if err != nil {
			return err
		}
		defer from.Close()
		w := gzip.NewWriter(f)
		_, err = io.Copy(w, from)
		return errors.Join(err, w.Close())
	})
	return nil
}

// writeTarGz writes a compressed tar.
func writeTarGz(to io.Writer, files []file, at time.Time) error {
	w := gzip.NewWriter(to)
	return errors.Join(writeTar(w, files, at), w.Close())
}

// writeTar writes a tar of the files and their folders. Everything belongs to root.
func writeTar(to io.Writer, files []file, at time.Time) error {
	w := tar.NewWriter(to)
	made := map[string]bool{".": true}
	for _, f := range files {
		for _, folder := range parents(f.name) {
			if !made[folder] {
				made[folder] = true
				if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o755, ModTime: at, Format: tar.FormatUSTAR}); err != nil {
					return err
				}
			}
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: int64(f.mode.Perm()), Size: int64(len(f.data)), ModTime: at, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	return w.Close()
}

// parents returns the folders above a file, the highest first.
func parents(name string) []string {
	var folders []string
	for folder := path.Dir(name); folder != "." && folder != "/"; folder = path.Dir(folder) {
		folders = append(folders, folder)
	}
	slices.Reverse(folders)
	return folders
}

// writeZip writes a zip of the files.
func writeZip(to io.Writer, files []file, at time.Time) error {
	w := zip.NewWriter(to)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at.UTC()}
		header.SetMode(f.mode)
		part, err := w.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := part.Write(f.data); err != nil {
			return err
		}
	}
	return w.Close()
}
