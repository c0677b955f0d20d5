package bind

import "unicode"

// Prints reports whether a character shows on a terminal, a blank included. Control characters do not, nor do those
// that turn text around; and some letters and symbols are drawn as nothing, of which a line of seeming blanks can be made.
func Prints(r rune) bool {
	const emptyBraille = '\u2800'
	return unicode.IsPrint(r) && r != emptyBraille && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
