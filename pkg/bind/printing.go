package bind

import "unicode"

// Prints reports whether a character is visible on a terminal, or a space. Control characters are not, and neither are
// characters that change the writing direction, nor letters and symbols that are drawn as nothing, which could make a
// line look blank.
func Prints(r rune) bool {
	const emptyBraille = '\u2800'
	return unicode.IsPrint(r) && r != emptyBraille && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
