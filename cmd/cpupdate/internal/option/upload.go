package option

import (
	"cmp"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// Upload say how the file is sent.
type Upload struct {
	Filename                    string
	Mkdir, InPlace, NoOverwrite bool
	SHA256                      bool // always compute the digest of the whole file
	Verify, limitRate           string
	line                        Connection
}

// Connection say how long to wait for the server, and how often to retry.
type Connection struct {
	timeout time.Duration
	retries int
	InPlace bool // of a test upload
}

// defaultRetries is the default of --retries.
const defaultRetries = 2

// AddFlags declares the flags.
func (o *Connection) AddFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Timing")()
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long to wait for a server (`DURATION`, such as 10s)")
	flags.IntVar(&o.retries, "retries", defaultRetries, "how often to retry after a temporary error: a `NUMBER` up to 100")
}

// Options returns timeout and retries as package transfer takes them.
func (o *Connection) Options(command string) (transfer.Options, error) {
	t := transfer.Options{Timeout: o.timeout, Retries: o.retries, InPlace: o.InPlace}
	switch {
	case o.timeout <= 0:
		return t, exit.Usage(command, "--timeout must be greater than zero")
	case o.retries < 0 || o.retries > 100:
		return t, exit.Usage(command, "--retries: must be from 0 to 100")
	}
	return t, nil
}

// AddFlags declares the flags.
func (o *Upload) AddFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Upload")()
	flags.StringVar(&o.Filename, "filename", "", "the file `NAME` on the server (default: the name of the image)")
	flags.BoolVar(&o.Mkdir, "mkdir", false, "create the folders of --path that do not exist (ftp, ftps)")
	flags.BoolVar(&o.InPlace, "in-place", false, "write directly to the final name, for servers that cannot rename (ftp, ftps)")
	flags.BoolVar(&o.NoOverwrite, "no-overwrite", false, "do not replace an existing file")
	flags.BoolVar(&o.SHA256, "sha256", false, "compute the SHA-256 of the whole file, as sha256sum prints it; --json always does")
	flags.StringVar(&o.Verify, "verify", "size", "how to verify the upload: `size|readback`; a digest that the server reports is compared too")
	flags.StringVar(&o.limitRate, "limit-rate", "", "send at most `BYTES` a second, such as 500k (k, M, G); with --serve and --web, to all phones together")
	o.line.AddFlags(flags)
	flags.Lookup("timeout").Usage = "how long to wait for a server or web page (`DURATION`, such as 10s); for a phone to accept a contact request, 10s at most"
}

// OnlySent returns the first given flag that is for uploads only, or "".
func (o *Upload) OnlySent() string {
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"mkdir", o.Mkdir},
		{"in-place", o.InPlace},
		{"no-overwrite", o.NoOverwrite},
		{"verify", o.Verify != "size"},
		{"sha256", o.SHA256},
		{"retries", o.line.retries != defaultRetries},
	} {
		if f.given {
			return f.name
		}
	}
	return ""
}

// Validate rejects flags that the server's method does not have.
func (o *Upload) Validate(d *Destination) error {
	if d.Access.Method == transfer.HTTPS {
		switch {
		case o.Mkdir:
			return exit.Usage(d.Command, "--mkdir needs method ftp or ftps")
		case o.InPlace:
			return exit.Usage(d.Command, "--in-place needs method ftp or ftps: with https a file has no temporary name")
		}
	}
	return nil
}

// Names returns the names that images have on the server and for phones, by their files.
func (o *Upload) Names(command string, files ...string) ([]string, error) {
	if len(files) > 1 && o.Filename != "" {
		return nil, exit.Usage(command, "--filename is for one image: there are %d", len(files))
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = cmp.Or(o.Filename, filepath.Base(file))
		if err := settings.UsageError(command, transfer.CheckName(names[i])); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// Options parses the flags that are not settings of the server.
func (o *Upload) Options(command string) (transfer.Options, error) {
	t, err := o.line.Options(command)
	if err == nil && o.Verify != "size" && o.Verify != "readback" {
		err = exit.Usage(command, "--verify %s: must be size or readback", o.Verify)
	}
	if err != nil {
		return t, err
	}
	if o.limitRate != "" {
		rate, err := parseRate(o.limitRate)
		if err != nil {
			return t, exit.Usage(command, "--limit-rate %s: %v", o.limitRate, err)
		}
		t.Rate = rate
	}
	return t, nil
}

// parseRate parses bytes a second; k, M and G are multiples of 1024, as in curl.
func parseRate(s string) (int64, error) {
	unit := int64(1)
	digits := s
	if i := strings.IndexAny(s, "kKmMgG"); i >= 0 && i == len(s)-1 {
		unit = map[byte]int64{'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30}[s[i]|0x20]
		digits = s[:i]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > 1<<40/unit {
		return 0, errors.New("must be a number of bytes greater than zero, with k, M or G for multiples of 1024")
	}
	return n * unit, nil
}
