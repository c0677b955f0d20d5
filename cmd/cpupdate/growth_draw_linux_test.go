package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
)

// A curve is one line of the drawing.
type curve struct {
	name, color string
	values      []float64
}

// drawGrowth draws processor time and memory over the number of phones, both axes by powers of ten: what is linear rises as the dashed
// line does.
func drawGrowth(all []measured) string {
	curves := []curve{{"run: processor s", "#c0392b", nil}, {"run: resident MiB", "#2471a3", nil}, {"plan: processor s", "#1e8449", nil}, {"status: processor s", "#b9770e", nil}, {"slowest report: processor s", "#76448a", nil}}
	for _, m := range all {
		slowest := 0.0
		for _, c := range m.costs[3:] {
			slowest = max(slowest, c.processor.Seconds())
		}
		for i, v := range []float64{m.costs[1].processor.Seconds(), m.peaks[1], m.costs[0].processor.Seconds(), m.costs[2].processor.Seconds(), slowest} {
			curves[i].values = append(curves[i].values, max(v, 0.01))
		}
	}
	const left, top, width, height = 60.0, 20.0, 420.0, 300.0
	first, last := math.Floor(math.Log10(float64(all[0].phones))), math.Ceil(math.Log10(float64(all[len(all)-1].phones)))
	last = max(last, first+1)
	const lowest, highest = -2.0, 3.0 // powers of ten
	x := func(phones float64) float64 { return left + (math.Log10(phones)-first)/(last-first)*width }
	y := func(v float64) float64 { return top + (highest-math.Log10(v))/(highest-lowest)*height }
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 360" role="img" aria-label="Growth of a rollout with the number of phones">` + "\n" +
		`<style>text{font:12px sans-serif;fill:#222}.g{stroke:#ccc}.d{stroke:#888;stroke-dasharray:4 4}@media(prefers-color-scheme:dark){text{fill:#ddd}.g{stroke:#444}}</style>` + "\n")
	for p := lowest; p <= highest; p++ {
		at := y(math.Pow(10, p))
		fmt.Fprintf(&b, `<line class="g" x1="%g" y1="%.1f" x2="%g" y2="%.1f"/><text x="%g" y="%.1f" text-anchor="end">%g</text>`+"\n", left, at, left+width, at, left-6, at+4, math.Pow(10, p))
	}
	for p := first; p <= last; p++ {
		at := x(math.Pow(10, p))
		fmt.Fprintf(&b, `<line class="g" x1="%.1f" y1="%g" x2="%.1f" y2="%g"/><text x="%.1f" y="%g" text-anchor="middle">%g</text>`+"\n", at, top, at, top+height, at, top+height+16, math.Pow(10, p))
	}
	fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="middle">phones</text>`+"\n", left+width/2, top+height+34)
	fmt.Fprintf(&b, `<line class="d" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/><text x="490" y="%g">dashed: linear</text>`+"\n",
		x(math.Pow(10, first)), y(math.Pow(10, first-2)), x(math.Pow(10, min(last, first+4))), y(math.Pow(10, min(last, first+4)-2)), top+20+18*float64(len(curves)))
	for i, c := range curves {
		var points []string
		for n, v := range c.values {
			px, py := x(float64(all[n].phones)), y(v)
			points = append(points, fmt.Sprintf("%.1f,%.1f", px, py))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", px, py, c.color)
		}
		at := top + 10 + 18*float64(i)
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/><rect x="490" y="%g" width="12" height="4" fill="%s"/><text x="508" y="%g">%s</text>`+"\n",
			strings.Join(points, " "), c.color, at-2, c.color, at+4, c.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// checkSVG reads a drawing.
func checkSVG(t *testing.T, name string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := 0
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "polyline" {
			lines++
			for _, a := range e.Attr {
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Errorf("%s=%s", a.Name.Local, a.Value)
				}
			}
		}
	}
	if lines != 5 {
		t.Errorf("%d curves", lines)
	}
}
