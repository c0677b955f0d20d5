package settings

import (
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
)

// CheckProfileName refuses a name that is not valid for a profile.
func CheckProfileName(name string) error {
	if name != "" && !tomledit.ValidName(name) {
		return exit.Errorf(exit.CodeUsage, "use letters, digits, dots, hyphens and underscores, at most 64, beginning with a letter or digit",
			"--profile: %s is not a valid name", exit.ShownArgument(name))
	}
	return nil
}
