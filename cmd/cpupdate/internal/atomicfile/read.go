package atomicfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// SameFile reports whether both names lead to the same existing file.
func SameFile(one, other string) bool {
	first, errFirst := os.Stat(one)
	second, errSecond := os.Stat(other)
	return errFirst == nil && errSecond == nil && os.SameFile(first, second)
}

// Absent reports whether the file does not exist, and is not meant to exist: neither it nor a folder in its path is a
// broken link.
func Absent(name string) bool {
	if _, err := os.Lstat(name); err == nil {
		return false
	}
	folder := filepath.Dir(name)
	if _, err := os.Stat(folder); err == nil || folder == name {
		return true
	}
	return Absent(folder)
}

// ReadLimited reads a complete file of at most limit bytes. It may be a pipe: keys come from password managers too.
func ReadLimited(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("has more than %d bytes", limit)
	}
	return content, err
}
