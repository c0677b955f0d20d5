package console

// ErrColumns is how wide stderr is.
func (c *Console) ErrColumns() int {
	if c.ErrTerminal {
		return c.ErrWidth()
	}
	return 80
}
