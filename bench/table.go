package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A table is what a section prints.
type table struct {
	Title string   `json:"title"`
	Load  float64  `json:"loadAverage"` // of the minute before it was measured
	Head  []string `json:"head"`
	Rows  []row    `json:"rows"`
	Notes []string `json:"notes,omitempty"`
}

type row struct {
	Cells   []string             `json:"cells"`
	Samples map[string][]float64 `json:"samples,omitempty"` // what the cells are made of, in ms
	Ratio   float64              `json:"ratio,omitempty"`
}

// markdown is the table for people.
func (t table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** (load average before: %.2f)\n\n", t.Title, t.Load)
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(t.Head, " | "), strings.Repeat("---|", len(t.Head)))
	for _, r := range t.Rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r.Cells, " | "))
	}
	if len(t.Notes) > 0 {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(t.Notes, "\n"))
	}
	return b.String()
}

// Samples are measurements of the same thing.
type samples []time.Duration

// at is the quantile q, 0 to 1, of the samples; 0 of none. The median of an even
// number is the mean of the middle two.
func (s samples) at(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + time.Duration((at-float64(low))*float64(sorted[high]-sorted[low]))
}

func (s samples) median() time.Duration { return s.at(0.5) }

// String is the median with the least and the most.
func (s samples) String() string {
	switch len(s) {
	case 0:
		return "-"
	case 1:
		return short(s[0])
	}
	return fmt.Sprintf("%s (%s to %s)", short(s.median()), short(slices.Min(s)), short(slices.Max(s)))
}

// ms are the samples in the order they were taken.
func (s samples) ms() []float64 {
	out := make([]float64, len(s))
	for i, d := range s {
		out[i] = float64(d.Microseconds()) / 1000
	}
	return out
}

// over is the median of the ratios of each sample to the one of raw that was taken
// just before it, so that what else the machine does weighs on both alike.
func (s samples) over(raw samples) float64 {
	ratios := make(samples, 0, len(s)) // in billionths
	for i := range min(len(s), len(raw)) {
		if raw[i] > 0 {
			ratios = append(ratios, time.Duration(float64(s[i])/float64(raw[i])*1e9))
		}
	}
	return float64(ratios.median()) / 1e9
}

func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 100*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	default:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
}

// compared is a row of a figure beside its raw limit; the n-th samples belong together.
func compared(what string, raw, pacer samples, goal float64) row {
	ratio := pacer.over(raw)
	said := fmt.Sprintf("**%.2f**", ratio)
	aim := "-"
	if goal > 0 {
		aim = fmt.Sprintf("≤ %.2f", goal)
	}
	return row{
		Cells:   []string{what, raw.String(), pacer.String(), said, aim},
		Samples: map[string][]float64{"raw": raw.ms(), "pacer": pacer.ms()}, Ratio: ratio,
	}
}

var comparedHead = []string{"", "raw engine", "Pacer", "median ratio", "goal"}
