package browser

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"slices"
	"testing"
)

// FewColours makes a picture smaller: each colour becomes the nearest of the 64 most frequent ones.
func FewColours(t testing.TB, data []byte) []byte {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(data))
	noError(t, err)
	count := map[color.Color]int{}
	area := picture.Bounds()
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			count[picture.At(x, y)]++
		}
	}
	var colours color.Palette
	for one := range count {
		colours = append(colours, one)
	}
	slices.SortFunc(colours, func(a, b color.Color) int { return count[b] - count[a] })
	few := image.NewPaletted(area, colours[:min(len(colours), 64)])
	draw.Draw(few, area, picture, area.Min, draw.Src)
	var out bytes.Buffer
	noError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, few))
	return out.Bytes()
}
