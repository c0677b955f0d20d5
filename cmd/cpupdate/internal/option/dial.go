package option

import (
	"context"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A DialFunc connects to a server.
type DialFunc = func(ctx context.Context, access transfer.Access, options transfer.Options) (transfer.Store, error)
