package images

import (
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// An OpenFunc opens an image.
type OpenFunc = func(name string) (*bind.File, error)
