package main

import (
	"fmt"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// chart draws a line for each operation that was measured with more than one number of users.
func (r *results) chart() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = "Cost of a SCIM request, in raw requests of the API server"
	p.X.Label.Text, p.Y.Label.Text = "users", "raw requests"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, r.ticks()
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs = vg.Centimeter
	p.Add(plotter.NewGrid())
	drawn, most := 0, 0.0
	for _, operation := range r.operations {
		var costs plotter.XYs
		for _, users := range r.sizes() {
			if ratio := r.values[operation][users]["of-raw"]; ratio > 0 {
				costs = append(costs, plotter.XY{X: float64(users), Y: 1 / ratio})
				most = max(most, 1/ratio)
			}
		}
		if len(costs) < 2 {
			continue
		}
		line, points, err := plotter.NewLinePoints(costs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", operation, err)
		}
		line.Color, points.Color, points.Shape = plotutil.Color(drawn), plotutil.Color(drawn), plotutil.Shape(drawn)
		p.Add(line, points)
		p.Legend.Add(operation, line, points)
		drawn++
	}
	if drawn == 0 {
		return nil, fmt.Errorf("no operation of Benchmark%s was measured with two numbers of users", benchmark)
	}
	p.Y.Min, p.Y.Max = 0, most*1.7 // room for the legend
	return p, nil
}

// ticks are at the numbers of users that were measured.
func (r *results) ticks() (ticks plot.ConstantTicks) {
	for _, users := range r.sizes() {
		ticks = append(ticks, plot.Tick{Value: float64(users), Label: strconv.Itoa(users)})
	}
	return ticks
}
