// Command bench measures Pacer beside the raw Docker engine and prints the tables of
// the README.
//
// Each figure that an engine bounds is measured in turn with the same thing done by
// the engine's API alone: one round raw, one round Pacer, and so on. Only the ratio
// of the two says something about Pacer; absolute numbers are the machine's. It
// needs root, because it runs an engine of its own; the sections core and api need none.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pacer/examples"
	"pacer/testbed"
)

// timeMax bounds the whole program.
const timeMax = 30 * time.Minute

// A section is one part of what is measured.
type section struct {
	name  string
	what  string
	run   func(ctx context.Context, b *bench) ([]table, error)
	alone bool // it needs no engine
}

// sections are in an order in which none suffers from the one before: removing 50
// containers keeps an engine busy for a while.
var sections = []section{
	{"start", "an app's first answer, and the replacement of a killed container", starts, false},
	{"update", "a rolling update of 10 instances under load", update, false},
	{"core", "the core's step and the store's commit", core, true},
	{"api", "requests to the API with 10,000 apps and 50,000 pretended instances", apiSpeed, true},
	{"scale", "from 1 to 20 to 50 instances", scale, false},
	{"idle", "memory and CPU of an idle pacer dev, and with 50 instances", idle, false},
}

// A bench is what the sections share.
type bench struct {
	rounds int
	apps   int    // of the section api
	dir    string // for this run alone
	pacer  string // the binary
	engine *testbed.Engine
}

// A report is what is printed, as JSON.
type report struct {
	Machine machine `json:"machine"`
	Tables  []table `json:"tables"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeoutCause(ctx, timeMax, fmt.Errorf("it took longer than %v", timeMax))
	err := run(ctx)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	rounds := flag.Int("n", 12, "`rounds` of each start; scaling and updating take a tenth of that, one at least")
	apps := flag.Int("apps", 10_000, "`apps` that the API is measured with, of five instances each")
	only := flag.String("only", "", "measure this alone, comma-separated: "+strings.Join(names, ", "))
	out := flag.String("o", "", "also write everything as JSON to this `file`")
	flag.Parse()
	if *rounds < 1 || *rounds > 1000 || *apps < burst || *apps > 10_000 || flag.NArg() > 0 {
		return errors.New("-n takes 1 to 1000 rounds, -apps 500 to 10000, and there are no other arguments: see -help")
	}
	wanted := slices.DeleteFunc(strings.Split(*only, ","), func(s string) bool { return s == "" })
	for _, w := range wanted {
		if !slices.Contains(names, w) {
			return fmt.Errorf("-only %s: there is %s", w, strings.Join(names, ", "))
		}
	}

	b := &bench{rounds: *rounds, apps: *apps}
	if needEngine(wanted) {
		if err := b.open(ctx); err != nil {
			return errors.Join(err, b.close())
		}
	}
	r, err := b.measure(ctx, wanted)
	if *out != "" && len(r.Tables) > 0 {
		raw, fault := json.MarshalIndent(r, "", "  ")
		if fault == nil {
			fault = os.WriteFile(*out, append(raw, '\n'), 0o644)
		}
		err = errors.Join(err, fault)
	}
	return errors.Join(err, b.close())
}

// needEngine reports whether any of the wanted sections (none: all) needs one.
func needEngine(wanted []string) bool {
	return slices.ContainsFunc(sections, func(s section) bool {
		return !s.alone && (len(wanted) == 0 || slices.Contains(wanted, s.name))
	})
}

// measure runs the wanted sections (none: all) and prints their tables as they come,
// also beside an error.
func (b *bench) measure(ctx context.Context, wanted []string) (report, error) {
	r := report{Machine: lookAround(ctx, b.engine)}
	fmt.Printf("%s\n", r.Machine)
	var errs []error
	for _, s := range sections {
		if len(wanted) > 0 && !slices.Contains(wanted, s.name) {
			continue
		}
		load, begun := loadAverage(), time.Now()
		fmt.Fprintf(os.Stderr, "bench: %s\n", s.what)
		tables, err := s.run(ctx, b)
		if ctx.Err() != nil {
			return r, errors.Join(append(errs, fmt.Errorf("%s: %w", s.name, context.Cause(ctx)))...)
		}
		if err != nil { // the others may do better
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
		for _, t := range tables {
			t.Load = load
			r.Tables = append(r.Tables, t)
			fmt.Printf("\n%s", t.markdown())
		}
		fmt.Fprintf(os.Stderr, "bench: %s took %v\n", s.name, time.Since(begun).Round(time.Second))
	}
	return r, errors.Join(errs...)
}

func (b *bench) open(ctx context.Context) error {
	var err error
	if b.dir, err = os.MkdirTemp("", "pacer-bench"); err != nil {
		return err
	}
	b.pacer = filepath.Join(b.dir, "pacer")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.pacer, "pacer/cmd/pacer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build pacer (bench is to be run inside its source tree): %w\n%s", err, out)
	}
	engines, err := testbed.StartEngines(ctx, 1)
	if err != nil {
		return err
	}
	b.engine = engines[0]
	return examples.Build(ctx, b.engine.Client(), "hello")
}

func (b *bench) close() error {
	var errs []error
	if b.engine != nil {
		errs = append(errs, b.engine.Close())
	}
	if b.dir != "" {
		errs = append(errs, os.RemoveAll(b.dir))
	}
	return errors.Join(errs...)
}
