package console

// ErrColumns returns the width of stderr.
func (c *Console) ErrColumns() int {
	if c.ErrTerminal {
		return c.ErrWidth()
	}
	return 80
}
