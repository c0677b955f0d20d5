package settings

import (
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
)

// CheckProfileName refuses a name that no profile can have.
func CheckProfileName(name string) error {
	if name != "" && !tomledit.ValidName(name) {
		return exit.Errorf(exit.CodeUsage, "letters, digits, dots, hyphens and underscores, beginning with a letter or digit, at most 64",
			"--profile: %s cannot be a name", exit.ShownArgument(name))
	}
	return nil
}
