package document

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"testing"
)

func decoded(t *testing.T, bars ...Bar) image.Image {
	t.Helper()
	data, high, err := Chart(bars)
	if err != nil {
		t.Fatal(err)
	}
	if again, _, _ := Chart(bars); !bytes.Equal(again, data) {
		t.Error("the same chart gives other bytes")
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() != ChartWidth*chartScale || b.Dy() != high*chartScale || high != barRow*len(bars) {
		t.Errorf("%d bars are %v, said to be %d high", len(bars), b, high)
	}
	return img
}

// length is how many pixels of a colour lie on the line through a bar's middle, and where the first is.
func length(img image.Image, bar, y int, c color.NRGBA) (n, first int) {
	first = -1
	for x := range img.Bounds().Dx() {
		if color.NRGBAModel.Convert(img.At(x, (bar*barRow+barMargin+y)*chartScale)) == c {
			if n++; first < 0 {
				first = x
			}
		}
	}
	return n, first
}

// TestChart: bars are as long as their values, beginning at zero; a loss goes to the other side.
func TestChart(t *testing.T) {
	was := 50.0
	img := decoded(t, Bar{"1", 100, "100", &was}, Bar{"2", 25, "25", nil}, Bar{"3", -50, "-50", nil}, Bar{"4", 0, "0", nil})
	// Not through the middle, where the axis and the figures are.
	whole, zero := length(img, 0, 1, barColour)
	quarter, at := length(img, 1, 1, barColour)
	loss, from := length(img, 2, 1, barColour)
	before, _ := length(img, 0, barHigh+2, beforeColour)
	whole, quarter, before = whole+chartScale, quarter+chartScale, before+chartScale // where the line lies over them
	if math.Abs(float64(whole-4*quarter)) > 2 || math.Abs(float64(whole-2*loss)) > 2 || math.Abs(float64(whole-2*before)) > 2 || whole < 200 {
		t.Errorf("100 is %d long, 25 is %d, -50 is %d, and the 50 before is %d", whole, quarter, loss, before)
	}
	if zero != at || from >= zero || from+loss > zero+1 {
		t.Errorf("the bars begin at %d and %d, and the loss lies from %d for %d", zero, at, from, loss)
	}
	if n, _ := length(img, 3, 1, barColour); n != 0 {
		t.Errorf("nothing is %d long", n)
	}
	if img.At(img.Bounds().Dx()/2, 0) != (color.NRGBA{}) && color.NRGBAModel.Convert(img.At(img.Bounds().Dx()/2, 0)).(color.NRGBA).A != 0 {
		t.Error("its ground is not transparent")
	}
}

func TestChartAtItsEdges(t *testing.T) {
	decoded(t, Bar{"1", 0, "0", nil})
	decoded(t, Bar{"1", -1, "-1", nil}, Bar{"2", -3, "-3", nil})
	decoded(t, Bar{"1", 1e300, "1" + string(bytes.Repeat([]byte("0"), 60)), nil}, Bar{"2", 1e-300, "0", nil})
	decoded(t, Bar{"1", 1, "漢字 has no picture", nil})
	for _, bars := range [][]Bar{nil, make([]Bar, MostBars+1), {{Value: math.NaN()}}, {{Value: math.Inf(1)}}} {
		if _, _, err := Chart(bars); err == nil {
			t.Errorf("%d bars of %v are drawn", len(bars), bars[:min(len(bars), 1)])
		}
	}
}

// TestChartIsSeen: every colour stands out from a white mail and from a dark one by 3 to 1 (WCAG 2, 1.4.11), the earlier
// bars and the line, that only help, by 2 to 1.
func TestChartIsSeen(t *testing.T) {
	light := func(c color.NRGBA) float64 {
		sum := 0.0
		for i, w := range []float64{0.2126, 0.7152, 0.0722} {
			v := float64([]uint8{c.R, c.G, c.B}[i]) / 255
			if v <= 0.04045 {
				v /= 12.92
			} else {
				v = math.Pow((v+0.055)/1.055, 2.4)
			}
			sum += w * v
		}
		return sum
	}
	contrast := func(a, b color.NRGBA) float64 {
		x, y := light(a), light(b)
		return (max(x, y) + 0.05) / (min(x, y) + 0.05)
	}
	for _, ground := range []color.NRGBA{{0xff, 0xff, 0xff, 0xff}, {0x1d, 0x21, 0x24, 0xff}} {
		for _, x := range []struct {
			name  string
			c     color.NRGBA
			least float64
		}{{"bars", barColour, 3}, {"figures", wordColour, 3.8}, {"earlier bars", beforeColour, 2}, {"line", axisColour, 2}} {
			if got := contrast(x.c, ground); got < x.least {
				t.Errorf("the %s stand out from %v by %.1f to 1, want %.1f", x.name, ground, got, x.least)
			}
		}
	}
}
