package console

import (
	"context"
	"errors"
	"fmt"
)

// Question asks on the terminal, and reads one line of standard input: byte by byte, since what follows is for others.
func (c *Console) Question(ctx context.Context, text string) (string, error) {
	fmt.Fprint(c.Err, text)
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := readLine(c)
		answered <- answer{line, err}
	}()
	select {
	case said := <-answered:
		return said.line, said.err
	case <-ctx.Done():
		if !c.ErrTerminal { // there the line has ended with the signal
			fmt.Fprintln(c.Err)
		}
		return "", ctx.Err()
	}
}

// readLine reads a line of standard input without its line break.
func readLine(con *Console) (string, error) {
	const most = 4096
	var line []byte
	for b := make([]byte, 1); len(line) < most; {
		n, err := con.In.Read(b)
		switch {
		case n > 0 && b[0] == '\n':
			return string(line), nil
		case n > 0 && b[0] != '\r':
			line = append(line, b[0])
		}
		if err != nil {
			return "", err
		}
	}
	return "", errors.New("the answer is too long")
}

// WarnLegacy says once a run what is given up.
func (c *Console) WarnLegacy(legacy bool) {
	if !legacy || c.legacySaid {
		return
	}
	c.legacySaid = true
	c.Remark("warning", "--legacy-tls", "TLS 1.0 and 1.1, RSA key exchange, CBC, 3DES, RC4 and short keys are good enough in this run: who listens on the way can read what is sent, logins too")
}
