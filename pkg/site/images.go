package site

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

// Bucket is the object store of the images. The name of an image there is its SHA-256 digest.
const Bucket = "cpupdate-images"

// The names of the object store on the server.
const (
	objectStream = "OBJ_" + Bucket
	chunkPrefix  = "$O." + Bucket + ".C."
	metaPrefix   = "$O." + Bucket + ".M."
)

// CacheSize is how many bytes of images a worker keeps, besides those that it used in the last cacheTime.
const (
	CacheSize = 2 << 30
	cacheTime = 24 * time.Hour
)

// slowest is how many bytes a second are sent at least.
const slowest = 4 << 10

// Errors about images, for errors.Is.
var (
	ErrMissing = errors.New("is not on the server")
	ErrDamaged = errors.New("is damaged on the server")
)

// Images are the images of rollouts, on a server.
type Images struct {
	Ledger *jetstream.Ledger
	Folder string // in which a worker keeps them
	Max    int64  // replaces CacheSize
}

// isDigest reports whether a text is a SHA-256 digest. It is a name of a file and a token of a subject.
func isDigest(text string) bool {
	digest, err := hex.DecodeString(text)
	return err == nil && len(digest) == sha256.Size && hex.EncodeToString(digest) == text
}

// isNUID reports whether a text is a token of a subject as the server makes them.
func isNUID(text string) bool {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return text != "" && len(text) <= 64 && strings.Trim(text, digits) == ""
}

// Put stores an image, unless the server has it already. What is damaged there is stored anew.
func (i Images) Put(ctx context.Context, digest string, content *io.SectionReader) error {
	if !isDigest(digest) {
		return fmt.Errorf("%q is not a SHA-256 digest", digest)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute+time.Duration(content.Size()/slowest)*time.Second)
	defer cancel()
	var store js.ObjectStore
	err := i.Ledger.Do(ctx, func(ctx context.Context) (err error) {
		store, err = i.store(ctx)
		return err
	}, "$JS.API.STREAM.INFO."+objectStream, "$JS.API.STREAM.CREATE."+objectStream)
	if err != nil {
		return err
	}
	switch err = i.copy(ctx, io.Discard, digest, content.Size()); {
	case err == nil:
		return nil
	case !errors.Is(err, ErrMissing) && !errors.Is(err, ErrDamaged):
		return err
	}
	if err := i.forget(ctx, digest); err != nil { // what it says may lead to the parts of another image
		return err
	}
	if _, err := store.Put(ctx, js.ObjectMeta{Name: digest}, content); err != nil {
		return i.Ledger.Explain(ctx, fmt.Errorf("an image could not be stored: %w", err))
	}
	return i.copy(ctx, io.Discard, digest, content.Size())
}

// store returns the object store. It makes it if the server has none.
func (i Images) store(ctx context.Context) (js.ObjectStore, error) {
	server := i.Ledger.JetStream()
	store, err := server.ObjectStore(ctx, Bucket)
	if errors.Is(err, js.ErrBucketNotFound) {
		store, err = server.CreateObjectStore(ctx, js.ObjectStoreConfig{Bucket: Bucket, Description: "images of cpupdate, by their SHA-256 digest", Storage: js.FileStorage})
		if errors.Is(err, js.ErrBucketExists) { // another process was faster
			store, err = server.ObjectStore(ctx, Bucket)
		}
	}
	return store, err
}

// forget removes what the server says about an image.
func (i Images) forget(ctx context.Context, digest string) error {
	return i.Ledger.Do(ctx, func(ctx context.Context) error {
		stream, err := i.Ledger.JetStream().Stream(ctx, objectStream)
		if err != nil {
			return err
		}
		return stream.Purge(ctx, js.WithPurgeSubject(metaPrefix+base64.URLEncoding.EncodeToString([]byte(digest))))
	}, "$JS.API.STREAM.INFO."+objectStream, "$JS.API.STREAM.PURGE."+objectStream)
}

// Fetch returns the file of an image of a size. It fetches the image unless it is kept from before, and compares its digest
// each time.
func (i Images) Fetch(ctx context.Context, digest string, size int64) (path string, err error) {
	if !isDigest(digest) {
		return "", fmt.Errorf("%q is not a SHA-256 digest", digest)
	}
	path = filepath.Join(i.Folder, digest)
	if kept(path, digest, size) {
		now := time.Now()
		_ = os.Chtimes(path, now, now) // only the order of removal depends on it
		return path, nil
	}
	if err := os.MkdirAll(i.Folder, 0o700); err != nil {
		return "", err
	}
	if err := i.makeRoom(size); err != nil {
		return "", err
	}
	file, err := os.CreateTemp(i.Folder, "fetch-*") // mode 0600
	if err != nil {
		return "", err
	}
	defer func() {
		_ = file.Close()
		_ = os.Remove(file.Name()) // nothing, if it has its name
	}()
	if err := i.copy(ctx, file, digest, size); err != nil {
		return "", err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return "", err
	}
	return path, os.Rename(file.Name(), path)
}

// kept reports whether a file is an image.
func kept(path, digest string, size int64) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(file, size+1))
	return err == nil && n == size && hex.EncodeToString(hash.Sum(nil)) == digest
}

// makeRoom removes the images that were not used for the longest time, until there is room for one more, and what a stopped
// worker left.
func (i Images) makeRoom(size int64) error {
	entries, err := os.ReadDir(i.Folder)
	if err != nil {
		return err
	}
	limit, total := i.Max, size
	if limit == 0 {
		limit = CacheSize
	}
	var files []os.FileInfo
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if isDigest(entry.Name()) {
			total += info.Size()
		} else if ok, _ := filepath.Match("fetch-*", entry.Name()); !ok {
			continue
		}
		files = append(files, info)
	}
	slices.SortFunc(files, func(a, b os.FileInfo) int { return cmp.Compare(a.ModTime().UnixNano(), b.ModTime().UnixNano()) })
	for _, info := range files {
		image := isDigest(info.Name())
		if time.Since(info.ModTime()) < cacheTime || image && total <= limit {
			continue
		}
		if err := os.Remove(filepath.Join(i.Folder, info.Name())); err == nil && image {
			total -= info.Size()
		}
	}
	return nil
}

// copy writes an image of the server, and fails if it is another one than its digest says.
func (i Images) copy(ctx context.Context, to io.Writer, digest string, size int64) error {
	stream, chunks, err := i.find(ctx, digest, size)
	if err != nil {
		return err
	}
	hash := sha256.New()
	next := uint64(1)
	for left := size; left > 0; {
		var m *js.RawStreamMsg
		err := i.Ledger.Do(ctx, func(ctx context.Context) (err error) {
			m, err = stream.GetMsg(ctx, next, js.WithGetMsgSubject(chunks))
			return err
		}, "$JS.API.DIRECT.GET."+objectStream)
		switch {
		case errors.Is(err, js.ErrMsgNotFound):
			return fmt.Errorf("the image %s %w: a part of it is missing", short(digest), ErrDamaged)
		case err != nil:
			return err
		case len(m.Data) == 0 || int64(len(m.Data)) > left:
			return fmt.Errorf("the image %s %w: it has another size", short(digest), ErrDamaged)
		}
		hash.Write(m.Data)
		if _, err := to.Write(m.Data); err != nil {
			return err
		}
		left -= int64(len(m.Data))
		next = m.Sequence + 1
	}
	if hex.EncodeToString(hash.Sum(nil)) != digest {
		return fmt.Errorf("the image %s %w: it has another digest", short(digest), ErrDamaged)
	}
	return nil
}

// find returns where the parts of an image are.
func (i Images) find(ctx context.Context, digest string, size int64) (stream js.Stream, chunks string, err error) {
	var info *js.ObjectInfo
	err = i.Ledger.Do(ctx, func(ctx context.Context) error {
		store, err := i.Ledger.JetStream().ObjectStore(ctx, Bucket)
		if err == nil {
			stream, err = i.Ledger.JetStream().Stream(ctx, objectStream)
		}
		if err == nil {
			info, err = store.GetInfo(ctx, digest)
		}
		return err
	}, "$JS.API.STREAM.INFO."+objectStream)
	switch {
	case errors.Is(err, js.ErrBucketNotFound), errors.Is(err, js.ErrObjectNotFound), errors.Is(err, js.ErrStreamNotFound):
		return nil, "", fmt.Errorf("the image %s %w", short(digest), ErrMissing)
	case errors.Is(err, js.ErrBadObjectMeta):
		return nil, "", fmt.Errorf("the image %s %w: what the server says about it cannot be read", short(digest), ErrDamaged)
	case err != nil:
		return nil, "", err
	case info.Size != uint64(size) || !isNUID(info.NUID): //nolint:gosec // not negative
		return nil, "", fmt.Errorf("the image %s %w: it has another size", short(digest), ErrDamaged)
	}
	return stream, chunkPrefix + info.NUID, nil
}

// short returns the beginning of a digest.
func short(digest string) string { return digest[:12] + "..." }
