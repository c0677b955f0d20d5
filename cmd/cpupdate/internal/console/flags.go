package console

import "github.com/spf13/pflag"

// headingKey is the annotation of a flag with its heading in the help.
const headingKey = "cpupdate_heading"

// Group puts the flags that are declared until the returned function is called under a heading of the help. A flag that
// has a heading keeps it. Headings and flags are shown in the order of their declaration.
func Group(flags *pflag.FlagSet, heading string) (end func()) {
	flags.SortFlags = false
	before := 0
	flags.VisitAll(func(*pflag.Flag) { before++ })
	return func() {
		number := 0
		flags.VisitAll(func(f *pflag.Flag) { // in the order of their declaration
			if number++; number > before && Heading(f) == "" {
				_ = flags.SetAnnotation(f.Name, headingKey, []string{heading}) // the flag exists
			}
		})
	}
}

// Heading returns the heading of a flag, or "".
func Heading(f *pflag.Flag) string {
	if heading := f.Annotations[headingKey]; heading != nil {
		return heading[0]
	}
	return ""
}
