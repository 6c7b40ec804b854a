package document

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Bar is one bar of a chart.
type Bar struct {
	Mark   string   // in front of it: the number under which a table beside the chart says its name
	Value  float64  // how long it is; below zero it goes to the left
	Label  string   // behind it: the figure itself, in ASCII
	Before *float64 // an earlier value, as a thin bar below; nil for none
}

// MostBars is how many bars a chart can have.
const MostBars = 20

// The chart's measures in the pixels in which it is shown. It is drawn at twice of them, for screens that have more.
// 400 is as wide as a telephone held upright, so that its figures are never much smaller than the words around.
const (
	ChartWidth = 400
	barRow     = 30
	barMargin  = 4
	barHigh    = 14
	beforeHigh = 5
	chartScale = 2
	chartFont  = 14 // pixels
)

// The chart's colours. Its ground is transparent and they are half light, half dark, so that they stand out both from a
// white mail and from a dark one.
var (
	barColour    = color.NRGBA{0x2e, 0x86, 0xc1, 0xff}
	beforeColour = color.NRGBA{0x86, 0x92, 0x9c, 0xff}
	wordColour   = color.NRGBA{0x72, 0x7f, 0x8a, 0xff}
	axisColour   = color.NRGBA{0xa0, 0xab, 0xb4, 0xff}
)

// Chart draws bars, the first at the top, as a PNG with a transparent ground, ChartWidth wide and as high as is said when
// shown. Names are no part of it: a font with every letter would be larger than all the rest of the program, so that the
// words stand beside it as text, where they can be read aloud and searched.
func Chart(bars []Bar) (data []byte, high int, err error) {
	if len(bars) == 0 || len(bars) > MostBars {
		return nil, 0, fmt.Errorf("couldn't draw the chart: it has %d bars, and 1 to %d can be drawn", len(bars), MostBars)
	}
	low, top := 0.0, 0.0
	for _, b := range bars {
		for _, v := range []*float64{&b.Value, b.Before} {
			switch {
			case v == nil:
			case math.IsNaN(*v) || math.IsInf(*v, 0):
				return nil, 0, fmt.Errorf("couldn't draw the chart: %v is no length", *v)
			default:
				low, top = min(low, *v), max(top, *v)
			}
		}
	}
	f, err := opentype.Parse(gomedium.TTF)
	if err != nil {
		return nil, 0, fmt.Errorf("couldn't read the chart's font: %w", err)
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: chartFont * chartScale, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, 0, fmt.Errorf("couldn't read the chart's font: %w", err)
	}
	defer face.Close()
	c := &chart{face: face}
	high = barRow * len(bars)
	c.img = image.NewRGBA(image.Rect(0, 0, ChartWidth*chartScale, high*chartScale))
	var marks, labels int
	for _, b := range bars {
		marks, labels = max(marks, c.wide(b.Mark)), max(labels, c.wide(b.Label))
	}
	left, right := marks+8*chartScale, ChartWidth*chartScale-labels-8*chartScale
	if right-left < ChartWidth*chartScale/5 {
		right = left + ChartWidth*chartScale/5 // figures of so many digits overlap rather than leave no chart
	}
	at := func(v float64) int {
		if top == low {
			return left
		}
		return left + int(math.Round((v-low)/(top-low)*float64(right-left)))
	}
	for i, b := range bars {
		y := i*barRow*chartScale + barMargin*chartScale
		c.fill(at(0), at(b.Value), y, y+barHigh*chartScale, barColour)
		if b.Before != nil {
			y := y + (barHigh+1)*chartScale
			c.fill(at(0), at(*b.Before), y, y+beforeHigh*chartScale, beforeColour)
		}
		base := y + (barHigh-2)*chartScale
		c.words(marks-c.wide(b.Mark), base, b.Mark)
		c.words(ChartWidth*chartScale-c.wide(b.Label), base, b.Label)
	}
	c.fill(at(0), at(0)+chartScale, 0, high*chartScale, axisColour)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, c.img); err != nil {
		return nil, 0, fmt.Errorf("couldn't write the chart: %w", err)
	}
	return out.Bytes(), high, nil
}

type chart struct {
	img  *image.RGBA
	face font.Face
}

func (c *chart) wide(s string) int { return font.MeasureString(c.face, s).Ceil() }

// fill draws from one place to another, whichever is further left.
func (c *chart) fill(a, b, y0, y1 int, ink color.Color) {
	draw.Draw(c.img, image.Rect(min(a, b), y0, max(a, b), y1), image.NewUniform(ink), image.Point{}, draw.Over)
}

func (c *chart) words(x, y int, s string) {
	d := font.Drawer{Dst: c.img, Src: image.NewUniform(wordColour), Face: c.face, Dot: fixed.P(x, y)}
	d.DrawString(s)
}
