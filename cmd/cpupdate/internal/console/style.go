package console

// A Style is the colour or weight of a word on a terminal that shows colours. It never carries meaning of its own.
type Style string

// The styles.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Green  Style = "1;32"
	Yellow Style = "1;33"
	Red    Style = "1;31"
	Faint  Style = "2"
)

// Paint applies a style to text if the terminal shows colours.
func (c *Console) Paint(s Style, text string) string {
	if !c.ColorOut || c.NoColor || s == Plain {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
