package atomicfile

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// SameFile reports whether both names lead to the same existing file.
func SameFile(one, other string) bool {
	first, errFirst := os.Stat(one)
	second, errSecond := os.Stat(other)
	return errFirst == nil && errSecond == nil && os.SameFile(first, second)
}

// IsBrokenLink reports whether a name that was not found is meant to exist: it, or a folder in its path, is a link that leads
// nowhere. A file that another process has made since the name was looked up is no such link.
func IsBrokenLink(name string) bool {
	if _, err := os.Stat(name); err == nil {
		return false
	}
	if info, err := os.Lstat(name); err == nil {
		return info.Mode()&fs.ModeSymlink != 0
	}
	folder := filepath.Dir(name)
	return folder != name && IsBrokenLink(folder)
}

// ReadLimited reads a complete file of at most limit bytes, as Open opens it.
func ReadLimited(ctx context.Context, name string, limit int64) ([]byte, error) {
	f, err := Open(ctx, name)
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

// Open opens a regular file or a pipe for reading: keys come from password managers too. Waiting for the program at the other
// end of a pipe ends with the context. Standard input may be opened by its name. Folders and devices, which may have no end,
// are refused.
func Open(ctx context.Context, name string) (io.ReadCloser, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return os.Open(name)
	case mode.IsDir():
		return nil, errors.New("is a folder, not a file")
	case mode&fs.ModeNamedPipe == 0 && !isStandardInput(info):
		return nil, errors.New("is neither a file nor a pipe")
	}
	opened, err := within(ctx, func() (*os.File, error) { return os.Open(name) }, func(f *os.File) { _ = f.Close() })
	if err != nil {
		return nil, err
	}
	return &pipe{opened, func(read func() (int, error)) (int, error) { return within(ctx, read, func(int) {}) }}, nil
}

// isStandardInput reports whether a file is standard input, which Linux and macOS call /dev/stdin.
func isStandardInput(info fs.FileInfo) bool {
	in, err := os.Stat("/dev/stdin")
	return err == nil && os.SameFile(in, info)
}

// A pipe is read until the context of Open ends.
type pipe struct {
	*os.File
	within func(read func() (int, error)) (int, error)
}

func (p *pipe) Read(b []byte) (int, error) {
	buffer := make([]byte, len(b)) // b may be used anew when the context has ended
	n, err := p.within(func() (int, error) { return p.File.Read(buffer) })
	return copy(b, buffer[:n]), err
}

// within returns what a call returns that may block, or the error of the context. What comes later is given to late.
func within[T any](ctx context.Context, call func() (T, error), late func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := call()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				late(r.value)
			}
		}()
		var none T
		return none, ctx.Err()
	}
}

// ReadKeyPair reads a certificate and its key in PEM. The content of a key never appears in an error.
func ReadKeyPair(ctx context.Context, certificate, key string) (tls.Certificate, error) {
	const limit = 1 << 20
	first, err := ReadLimited(ctx, certificate, limit)
	if err != nil {
		return tls.Certificate{}, err
	}
	second, err := ReadLimited(ctx, key, limit)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key %s: %w", key, exit.WithoutPath(err))
	}
	pair, err := tls.X509KeyPair(first, second)
	if err != nil && bytes.Contains(second, []byte("ENCRYPTED")) {
		return pair, fmt.Errorf("key %s: %w", key, ErrEncrypted)
	}
	return pair, err
}

// ErrEncrypted means that a key is protected with a passphrase.
var ErrEncrypted = errors.New("it is encrypted with a passphrase")

// KeyPairHint returns the next step if [ReadKeyPair] returns an error.
func KeyPairHint(err error) string {
	if errors.Is(err, ErrEncrypted) {
		return "write the key without its passphrase to a file that only you can read: umask 077; openssl pkey -in OLD -out NEW"
	}
	return "use a certificate and its key, in two PEM files as openssl writes them"
}
