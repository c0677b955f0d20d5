package option

import (
	"cmp"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// Upload are how the file is sent.
type Upload struct {
	Filename                    string
	Mkdir, InPlace, NoOverwrite bool
	SHA256                      bool // compute the whole file's digest in any case
	Verify, limitRate           string
	line                        Connection
}

// Connection are how patient we are with the line to the server.
type Connection struct {
	timeout time.Duration
	retries int
}

// usualRetries is how often a fault is tried again if nobody says otherwise.
const usualRetries = 2

// AddFlags declares the flags.
func (o *Connection) AddFlags(flags *pflag.FlagSet) {
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "the longest silence of the server, connecting included, `DURATION` as in 10s")
	flags.IntVar(&o.retries, "retries", usualRetries, "how often a fault that may pass is tried again: a `NUMBER` up to 100")
}

// Options returns timeout and retries as package transfer takes them.
func (o *Connection) Options(command string) (transfer.Options, error) {
	t := transfer.Options{Timeout: o.timeout, Retries: o.retries}
	switch {
	case o.timeout <= 0:
		return t, exit.Usage(command, "--timeout must be longer than nothing")
	case o.retries < 0 || o.retries > 100:
		return t, exit.Usage(command, "--retries: from 0 to 100")
	}
	return t, nil
}

// AddFlags declares the flags.
func (o *Upload) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.Filename, "filename", "", "the file's `NAME` on the server (usual: the image's own)")
	flags.BoolVar(&o.Mkdir, "mkdir", false, "make the folders of --path that do not exist (ftp, ftps)")
	flags.BoolVar(&o.InPlace, "in-place", false, "write to the file's own name at once, for servers that do not rename (ftp, ftps)")
	flags.BoolVar(&o.NoOverwrite, "no-overwrite", false, "do not replace a file of the name")
	flags.BoolVar(&o.SHA256, "sha256", false, "compute the whole file's SHA-256, as sha256sum prints it; --json always does")
	flags.StringVar(&o.Verify, "verify", "size", "how it is proven: `size|readback`; the digest too where the server tells it")
	flags.StringVar(&o.limitRate, "limit-rate", "", "send at most `BYTES` a second, to all phones together with --serve and --web; k, M and G are allowed, as in 500k")
	o.line.AddFlags(flags)
	flags.Lookup("timeout").Usage = "the longest silence of the server or web page, connecting included, `DURATION` as in 10s; of a phone to take a request 10s at most"
}

// OnlySent is the first flag that is given and means something for an upload only, "" if none is.
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
		{"retries", o.line.retries != usualRetries},
	} {
		if f.given {
			return f.name
		}
	}
	return ""
}

// Validate completes the file's name, and keeps apart what cannot be meant together.
func (o *Upload) Validate(d *Destination, image string) error {
	if d.Access.Method == transfer.HTTPS {
		switch {
		case o.Mkdir:
			return exit.Usage("push", "--mkdir goes with methods ftp and ftps")
		case o.InPlace:
			return exit.Usage("push", "--in-place goes with methods ftp and ftps: by https a file has no temporary name")
		}
	}
	o.Filename = cmp.Or(o.Filename, filepath.Base(image))
	return settings.UsageError("push", transfer.CheckName(o.Filename))
}

// Options reads the flags that are no setting of the server's.
func (o *Upload) Options() (transfer.Options, error) {
	t, err := o.line.Options("push")
	if err == nil && o.Verify != "size" && o.Verify != "readback" {
		err = exit.Usage("push", "--verify %s: size or readback", o.Verify)
	}
	if err != nil {
		return t, err
	}
	if o.limitRate != "" {
		rate, err := parseRate(o.limitRate)
		if err != nil {
			return t, exit.Usage("push", "--limit-rate %s: %v", o.limitRate, err)
		}
		t.Rate = rate
	}
	return t, nil
}

// parseRate reads bytes a second; k, M and G are multiples of 1024, as for curl.
func parseRate(s string) (int64, error) {
	unit := int64(1)
	digits := s
	if i := strings.IndexAny(s, "kKmMgG"); i >= 0 && i == len(s)-1 {
		unit = map[byte]int64{'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30}[s[i]|0x20]
		digits = s[:i]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > 1<<40/unit {
		return 0, errors.New("a number of bytes from 1 on, with k, M or G for multiples of 1024")
	}
	return n * unit, nil
}
