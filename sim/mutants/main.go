// Command mutants plants faults of one line in the deciding code, one at a time, and
// says which test finds each: the core's stories, other tests of its rooms, or the
// simulator. It promises to leave the tree as it is: a fault is laid over the sources
// for one build.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A mutant is one fault: old occurs exactly once in file, and is replaced by new.
type mutant struct {
	name, file, old, new string
}

// finders are asked in this order, until one fails.
var finders = []struct {
	name string
	args []string
}{
	{"story", []string{"./deployer/cluster", "-run", "^TestStories$"}},
	{"unit test", []string{"./deployer/cluster", "./deployer/placement", "./agent", "./apps"}},
	{"simulator", []string{"./sim"}},
}

func main() {
	only := flag.String("only", "", "plant only mutants whose name contains `TEXT`")
	from := flag.Int("from", 1, "begin with the `N`th of the list")
	limit := flag.Duration("limit", 10*time.Minute, "how long a finder may take")
	flag.Parse()
	if err := run(*only, *from, *limit); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(only string, from int, limit time.Duration) error {
	dir, err := os.MkdirTemp("", "pacer-mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	found, planted := 0, 0
	fmt.Printf("| fault | in | found by | seconds |\n|---|---|---|---|\n")
	for _, m := range mutants[min(max(from, 1), len(mutants)+1)-1:] {
		if !strings.Contains(m.name, only) {
			continue
		}
		overlay, err := m.plant(dir)
		if err != nil {
			return err
		}
		planted++
		began := time.Now()
		by, err := find(overlay, limit)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if by != "" {
			found++
		} else {
			by = "**nobody**"
		}
		fmt.Printf("| %s | %s | %s | %.0f |\n", m.name, strings.TrimPrefix(m.file, "deployer/"), by, time.Since(began).Seconds())
	}
	fmt.Printf("\n%d of %d found\n", found, planted)
	if found*100 < planted*95 {
		return fmt.Errorf("fewer than 95 %% were found")
	}
	return nil
}

// plant writes the mutated file and the overlay that puts it in the place of the true one.
func (m mutant) plant(dir string) (overlay string, err error) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return "", fmt.Errorf("%s: its line occurs %d times in %s: mend the list", m.name, n, m.file)
	}
	path, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	mutated := filepath.Join(dir, "mutated.go")
	if err := os.WriteFile(mutated, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	doc, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutated}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, doc, 0o600)
}

// find asks the finders; empty: none found it. A mutant that does not compile is an
// error of the list.
func find(overlay string, limit time.Duration) (by string, err error) {
	for _, f := range finders {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		args := append([]string{"test", "-overlay", overlay, "-count=1", "-failfast", "-short"}, f.args...)
		out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
		over := ctx.Err()
		cancel()
		switch {
		case strings.Contains(string(out), "[build failed]"), strings.Contains(string(out), "[setup failed]"):
			return "", fmt.Errorf("it does not compile:\n%s", out)
		case over != nil: // it never comes to an end: that shows, too
			return f.name + " (hangs)", nil
		case err != nil:
			return f.name, nil
		}
	}
	return "", nil
}
