package defaults

import (
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

// warnings returns what will not work with the stored settings.
func warnings(p *settings.Profile, password credentials.Password) []string {
	var out []string
	if password.Trouble != nil {
		out = append(out, "the password in "+password.Trouble.Error())
	}
	if problem := password.Misfit(p.Access); problem != "" {
		out = append(out, problem+"; store it again: "+p.SetPassword())
	}
	if p.CheckTrust() != nil {
		out = append(out, "with ftp a server presents no certificate: ca and pin work only with methods ftps and https")
	}
	return out
}
