// Command standin stands in for two programs that Windows has and Wine has not, in the test that follows docs/install.md for
// Windows: it is tar or certutil, by the name that it has. It knows what that page uses, and refuses all else.
//
//	tar -xf FILE.zip
//	certutil -hashfile FILE SHA256
package main

import (
	"archive/zip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

func main() {
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(os.Args[0])), ".exe")
	if err := run(name, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "stand-in for %s: %v\r\n", name, err)
		os.Exit(1)
	}
}

// run is the program of that name.
func run(name string, args []string, out io.Writer) error {
	switch {
	case name == "tar" && len(args) == 2 && args[0] == "-xf":
		return unpack(args[1])
	case name == "certutil" && len(args) == 3 && args[0] == "-hashfile" && args[2] == "SHA256":
		return digest(args[1], out)
	}
	return fmt.Errorf("unknown arguments: %q", args)
}

// unpack unpacks a zip into the current folder, and replaces what is there.
func unpack(name string) error {
	r, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer r.Close()
	here, err := os.OpenRoot(".")
	if err != nil {
		return err
	}
	defer here.Close()
	for _, f := range r.File {
		data, err := fs.ReadFile(r, f.Name)
		if err != nil {
			return err
		}
		if err := errors.Join(here.MkdirAll(path.Dir(f.Name), 0o755), here.WriteFile(f.Name, data, f.Mode().Perm())); err != nil {
			return err
		}
	}
	return nil
}

// digest prints the digest of a file in three lines, as certutil does on Windows 10 and later.
func digest(name string, out io.Writer) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "SHA256 hash of %s:\r\n%x\r\nCertUtil: -hashfile command completed successfully.\r\n", name, h.Sum(nil))
	return err
}
