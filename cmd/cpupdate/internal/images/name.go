package images

// DisplayName is how an image is called in messages: "-" is standard input.
func DisplayName(name string) string {
	switch name {
	case "-":
		return "standard input"
	case "":
		return `""`
	}
	return name
}
