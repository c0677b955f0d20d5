package bind_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// An image in memory; Open does the same for a file, with the descriptor beside it.
func ExampleNewFile() {
	payload := []byte("firmware")
	levels, err := bind.ParseLevels("1-3, 5")
	if err != nil {
		fmt.Println(err)
		return
	}
	b := bind.Builder{Family: "OpenScape Desk Phone CP", SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 9, Fix: 2}, Levels: levels}
	var image bytes.Buffer
	if err := b.Build(context.Background(), &image, section(payload)); err != nil {
		fmt.Println(err)
		return
	}

	f, err := bind.NewFile(bytes.NewReader(image.Bytes()), int64(image.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	facts := f.Facts()
	fmt.Println(facts.SoftwareType.Value, facts.Version.Value, "for levels", facts.Levels.Value)
	fmt.Println("digest:", facts.Integrity.Digest)
	err = f.Verify(context.Background())
	fmt.Println("digest:", f.Facts().Integrity.Digest, err)

	// Output:
	// Unify HFA V1 R9.2.0 for levels 1-3, 5
	// digest: not read
	// digest: right <nil>
}
