package console

import (
	"context"
	"io"
)

// Interruptible returns a reader that ends with the context's cause when the context ends, even while r blocks:
// standard input may be a terminal or a pipe that never sends anything.
func Interruptible(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	context.AfterFunc(ctx, func() { in.CloseWithError(context.Cause(ctx)) })
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err)
	}()
	return out
}
