// Command figures writes what BenchmarkServer has measured into the documentation: figures RESULTS IMAGE.svg PAGE.md. RESULTS is what
// `go test -bench` has printed, IMAGE becomes a chart of the cost of a request in companies of several sizes, and in PAGE a table replaces
// what is between two marks. `make figures` calls it.
package main

import (
	"errors"
	"fmt"
	"os"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: figures RESULTS IMAGE.svg PAGE.md")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func run(source, image, page string) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := read(in, source)
	if err != nil {
		return err
	}
	return errors.Join(r.paint(image), r.fill(page))
}

// paint draws the chart.
func (r *results) paint(image string) error {
	p, err := r.chart()
	if err != nil {
		return err
	}
	canvas := vgsvg.New(24*vg.Centimeter, 14*vg.Centimeter)
	p.Draw(draw.Crop(draw.New(canvas), 0, -vg.Centimeter, 0, -vg.Centimeter/4)) // room for the last tick and the title
	out, err := os.Create(image)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(out)
	return errors.Join(err, out.Close())
}
