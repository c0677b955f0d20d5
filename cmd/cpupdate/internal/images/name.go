package images

// DisplayName returns the name of an image in messages: "-" is standard input.
func DisplayName(name string) string {
	switch name {
	case "-":
		return "standard input"
	case "":
		return `""`
	}
	return name
}
