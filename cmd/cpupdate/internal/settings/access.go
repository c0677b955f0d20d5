// Package settings reads what is stored on this machine: the settings file with its defaults and profiles, trusted keys and
// the hardware table, and tells where each value came from.
package settings

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// maxCAFile is the maximum size of a file with CA certificates, in bytes.
const maxCAFile = 1 << 20

// A Given is a setting that was given as a flag, with the flag's values.
type Given struct {
	Name  string
	Texts []string
}

// UsageError turns a [*transfer.SettingError] about a flag into a usage error that names the flag. It returns any
// other error unchanged.
func UsageError(command string, err error) error {
	e := (*transfer.SettingError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	return exit.Usage(command, "--%s: %s", e.Setting, e.Problem)
}

// ReadAuthorities reads CA certificates in PEM. signs says what they have signed, for the hint.
func ReadAuthorities(ctx context.Context, name, signs string) (*x509.CertPool, error) {
	if err := atomicfile.CheckWriters("CA file", name); err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	text, err := atomicfile.ReadLimited(ctx, name, maxCAFile)
	if err == nil && !pool.AppendCertsFromPEM(text) {
		err = errors.New("contains no certificate in PEM")
	}
	if err != nil {
		return nil, exit.New(exit.CodeSettings, fmt.Errorf("CA file %s: %w", name, exit.WithoutPath(err)),
			"name a file with the certificate of the CA that signed "+signs+"; it begins with -----BEGIN CERTIFICATE-----")
	}
	return pool, nil
}

// PlainFTP reports whether the connection is not encrypted, so that others can read and change it.
func PlainFTP(access transfer.Access) bool {
	return access.Method != transfer.FTPS && access.Method != transfer.HTTPS
}
