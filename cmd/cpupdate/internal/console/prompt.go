package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Question prompts on the terminal, and reads one line of standard input. What was typed before the question does not answer
// it. It reads byte by byte, because what follows belongs to other readers. A terminal shows the answer only if it is one of
// the words: somebody may type a password here.
func (c *Console) Question(ctx context.Context, text string, words ...string) (string, error) {
	if c.Discard != nil {
		c.Discard()
	}
	if c.Hidden != nil {
		answer, err := c.Hidden(ctx, text)
		switch {
		case ctx.Err() != nil:
			return "", err
		case errors.Is(err, io.EOF): // Ctrl-D
			answer, err = "", nil
			fmt.Fprintln(c.Prompts())
		case slices.Contains(words, answer):
			fmt.Fprintln(c.Prompts(), answer)
		default:
			fmt.Fprintln(c.Prompts())
		}
		return answer, err
	}
	fmt.Fprint(c.Prompts(), text)
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := readLine(c.In)
		answered <- answer{line, err}
	}()
	select {
	case entered := <-answered:
		return entered.line, entered.err
	case <-ctx.Done():
		if !c.ErrTerminal { // otherwise the signal has already ended the line
			fmt.Fprintln(c.Prompts())
		}
		return "", ctx.Err()
	}
}

// readLine reads a line without its line break, and nothing after it.
func readLine(r io.Reader) (string, error) {
	const most = 4096
	var line []byte
	for b := make([]byte, 1); len(line) < most; {
		n, err := r.Read(b)
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

// WarnLegacy prints once per run what --legacy-tls gives up.
func (c *Console) WarnLegacy(legacy bool) {
	if !legacy || c.legacyWarned {
		return
	}
	c.legacyWarned = true
	c.NoteAbout("warning", "--legacy-tls", "TLS 1.0 and 1.1, RSA key exchange, 3DES, RC4 and short keys are accepted in this run: anyone who listens on the network path can read what is sent, including logins")
}
