package main

import (
	"cmp"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// uploadOptions say how the file is sent.
type uploadOptions struct {
	filename                    string
	mkdir, inPlace, noOverwrite bool
	verify, limitRate           string
	line                        lineOptions
}

// lineOptions say how long to wait for the server, and how often to retry.
type lineOptions struct {
	timeout time.Duration
	retries int
}

// usualRetries is the default of --retries.
const usualRetries = 2

func (o *lineOptions) addFlags(flags *pflag.FlagSet) {
	defer group(flags, "Timing")()
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long to wait for a server (`DURATION`, such as 10s)")
	flags.IntVar(&o.retries, "retries", usualRetries, "how often to retry after a temporary error: a `NUMBER` up to 100")
}

func (o *lineOptions) options(command string) (transfer.Options, error) {
	t := transfer.Options{Timeout: o.timeout, Retries: o.retries}
	switch {
	case o.timeout <= 0:
		return t, usage(command, "--timeout must be greater than zero")
	case o.retries < 0 || o.retries > 100:
		return t, usage(command, "--retries: must be from 0 to 100")
	}
	return t, nil
}

func (o *uploadOptions) addFlags(flags *pflag.FlagSet) {
	defer group(flags, "Upload")()
	flags.StringVar(&o.filename, "filename", "", "the file `NAME` on the server (default: the name of the image)")
	flags.BoolVar(&o.mkdir, "mkdir", false, "create the folders of --path that do not exist (ftp, ftps)")
	flags.BoolVar(&o.inPlace, "in-place", false, "write directly to the final name, for servers that cannot rename (ftp, ftps)")
	flags.BoolVar(&o.noOverwrite, "no-overwrite", false, "do not replace an existing file")
	flags.StringVar(&o.verify, "verify", "size", "how to verify the upload: `size|readback`; a digest that the server reports is compared too")
	flags.StringVar(&o.limitRate, "limit-rate", "", "send at most `BYTES` a second, such as 500k (k, M, G); with --serve and --web, to all phones together")
	o.line.addFlags(flags)
	flags.Lookup("timeout").Usage = "how long to wait for a server or web page (`DURATION`, such as 10s); for a phone to accept a contact request, 10s at most"
}

// onlySent returns the first given flag that is for uploads only, or "".
func (o *uploadOptions) onlySent() string {
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"mkdir", o.mkdir},
		{"in-place", o.inPlace},
		{"no-overwrite", o.noOverwrite},
		{"verify", o.verify != "size"},
		{"retries", o.line.retries != usualRetries},
	} {
		if f.given {
			return f.name
		}
	}
	return ""
}

// validate sets the default file name and rejects flags that cannot be used together.
func (o *uploadOptions) validate(d *destination, image string) error {
	if d.access.Method == transfer.HTTPS {
		switch {
		case o.mkdir:
			return usage("push", "--mkdir needs method ftp or ftps")
		case o.inPlace:
			return usage("push", "--in-place needs method ftp or ftps: with https a file has no temporary name")
		}
	}
	o.filename = cmp.Or(o.filename, filepath.Base(image))
	return settingUsage("push", transfer.CheckName(o.filename))
}

// options parses the flags that are not settings of the server.
func (o *uploadOptions) options() (transfer.Options, error) {
	t, err := o.line.options("push")
	if err == nil && o.verify != "size" && o.verify != "readback" {
		err = usage("push", "--verify %s: must be size or readback", o.verify)
	}
	if err != nil {
		return t, err
	}
	if o.limitRate != "" {
		rate, err := parseRate(o.limitRate)
		if err != nil {
			return t, usage("push", "--limit-rate %s: %v", o.limitRate, err)
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
