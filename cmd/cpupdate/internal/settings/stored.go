package settings

// SetPassword returns the command that stores the profile's password.
func (p *Profile) SetPassword() string {
	command := "cpupdate defaults set --password-stdin"
	if p.Name != "" {
		command += " --profile " + p.Name
	}
	return command
}
