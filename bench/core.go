package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// benchmarks are those of other packages that belong into the tables.
var benchmarks = []struct{ pkg, name, goal string }{
	{"pacer/deployer/cluster", "BenchmarkStepOneChange", "p99 ≤ 1 ms"},
	{"pacer/store", "BenchmarkCommitOneApp/sqlite", ""},
	{"pacer/deployer/placement", "BenchmarkPlace", "≥ 1,000,000 placements/s"},
	{"pacer/deployer/placement", "BenchmarkPlaceOne", "p99 ≤ 10 µs"},
	{"pacer/deployer/placement", "BenchmarkPlaceHuge", "< 4 GiB, the next 10,000 < 100 ms"},
}

// core runs the benchmarks of the core and the store.
func core(ctx context.Context, _ *bench) ([]table, error) {
	t := table{Title: "The core: one app's change among 1,000 hosts and 100,000 instances; and the commit of one app", Head: []string{"benchmark", "runs", "figures", "goal"}}
	var errs []error
	for _, m := range benchmarks {
		cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^"+strings.ReplaceAll(m.name, "/", "$/^")+"$", "-benchtime", "2s", "-timeout", "4m", m.pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOMAXPROCS=1")
		out, err := cmd.CombinedOutput()
		found := parseBenchmarks(out)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s of %s: %w\n%s", m.name, m.pkg, err, out))
		case len(found) == 0:
			errs = append(errs, fmt.Errorf("%s has no %s", m.pkg, m.name))
		}
		for _, f := range found {
			t.Rows = append(t.Rows, row{Cells: []string{f.name, strconv.Itoa(f.runs), f.figures(), cmp.Or(m.goal, "-")}, Samples: f.values})
		}
	}
	return []table{t}, errors.Join(errs...)
}

// A measured is one line of go test -bench.
type measured struct {
	name   string
	runs   int
	units  []string // in the order of the line
	values map[string][]float64
}

// parseBenchmarks reads lines like "BenchmarkX/y-2  120  8.1 ns/op  2.0 p99-µs".
func parseBenchmarks(out []byte) (all []measured) {
	for line := range bytes.Lines(out) {
		f := strings.Fields(string(line))
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		runs, err := strconv.Atoi(f[1])
		if err != nil {
			continue
		}
		m := measured{name: strings.TrimPrefix(f[0], "Benchmark"), runs: runs, values: map[string][]float64{}}
		for i := 2; i+1 < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				break
			}
			m.units = append(m.units, f[i+1])
			m.values[f[i+1]] = []float64{v}
		}
		all = append(all, m)
	}
	return all
}

// figures are the values, times in microseconds.
func (m measured) figures() string {
	var parts []string
	for _, unit := range m.units {
		v := m.values[unit][0]
		name, isTime := strings.CutSuffix(unit, "-ns")
		if unit == "ns/op" {
			name, isTime = "each", true
		}
		if isTime {
			parts = append(parts, fmt.Sprintf("%s %.0f µs", name, v/1000))
			continue
		}
		parts = append(parts, strconv.FormatFloat(v, 'g', 4, 64)+" "+unit)
	}
	return strings.Join(parts, ", ")
}
