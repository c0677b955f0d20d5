package settings

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// maxCAFile is the size of the largest file with certificates of authorities in bytes.
const maxCAFile = 1 << 20

// A Given is a setting that a flag gives, with the flag's texts.
type Given struct {
	Name  string
	Texts []string
}

// UsageError turns a [*transfer.SettingError] about settings that came from flags into a usage error that names the
// flag. Any other error stays as it is.
func UsageError(command string, err error) error {
	e := (*transfer.SettingError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	return exit.Usage(command, "--%s: %s", e.Setting, e.Problem)
}

// ReadAuthorities reads certificates in PEM.
func ReadAuthorities(name string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	text, err := atomicfile.ReadLimited(name, maxCAFile)
	if err == nil && !pool.AppendCertsFromPEM(text) {
		err = errors.New("holds no certificate in PEM")
	}
	if err != nil {
		return nil, exit.New(exit.CodeSettings, fmt.Errorf("authorities %s: %w", name, exit.WithoutPath(err)),
			"a file with the certificate of who signs the server's, from -----BEGIN CERTIFICATE----- on")
	}
	return pool, nil
}

// PlainFTP reports whether all of the way can be read and changed by others.
func PlainFTP(access transfer.Access) bool {
	return access.Method != transfer.FTPS && access.Method != transfer.HTTPS
}
