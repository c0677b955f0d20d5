package htmlform

import (
	"slices"
	"strconv"
	"strings"
)

// colourOf returns "green" or "red" if an element has such a colour by itself, as a font element or by its style; "" if it has
// another one, or none.
func colourOf(name string, a map[string]string) string {
	colour := ""
	if name == "font" {
		colour = a["color"]
	}
	for declaration := range strings.SplitSeq(a["style"], ";") {
		if property, value, _ := strings.Cut(declaration, ":"); strings.EqualFold(strings.TrimSpace(property), "color") {
			colour = value
		}
	}
	colour = strings.ToLower(strings.TrimSpace(colour))
	switch {
	case slices.Contains([]string{"green", "darkgreen", "forestgreen", "lime", "limegreen", "seagreen"}, colour):
		return "green"
	case slices.Contains([]string{"red", "darkred", "crimson", "firebrick"}, colour):
		return "red"
	}
	return shadeOf(colour)
}

// shadeOf returns what a colour is that is written as #RRGGBB or #RGB.
func shadeOf(colour string) string {
	digits, found := strings.CutPrefix(colour, "#")
	if len(digits) == 3 {
		digits = strings.Repeat(digits[:1], 2) + strings.Repeat(digits[1:2], 2) + strings.Repeat(digits[2:], 2)
	}
	number, err := strconv.ParseUint(digits, 16, 32)
	if !found || len(digits) != 6 || err != nil {
		return ""
	}
	red, green, blue := number>>16, number>>8&0xFF, number&0xFF
	const strong = 0x66
	switch {
	case red >= strong && red >= 2*max(green, blue):
		return "red"
	case green >= strong && green >= 2*max(red, blue):
		return "green"
	}
	return ""
}
