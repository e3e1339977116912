package main

import (
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"pacer/apps"
	"pacer/deployer/cluster"
	"pacer/deployer/placement"
)

func benchPlaceCommand() *cobra.Command {
	var size benchSize
	format := "table"
	cmd := &cobra.Command{
		Use:   "place",
		Short: "Decide where many instances go on many hosts; no container runs",
		Long: `Decide where many instances go on many hosts, and say how long it took: first the
scheduler alone, then the core as the leader runs it, with its rows, letters and notices,
until all are decided. Hosts are pretended, nothing is stored or sent and no container
runs. The process asks for its memory before the clock starts, as a leader has it that
runs for a while; two million instances take some 6 GiB.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := &session{out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), format: format}
			if err := s.checkFormat(); err != nil {
				return err
			}
			return benchPlace(s, size)
		},
	}
	cmd.Flags().IntVar(&size.hosts, "hosts", 6100, "hosts, of 64 cores and 256 GiB, in ten zones")
	cmd.Flags().IntVar(&size.instances, "instances", 200_000, "instances, of 0.1 cores and 128 MiB")
	cmd.Flags().IntVar(&size.apps, "apps", 0, "apps that they belong to, of a hundred roles; 0: 1000, or one for each instance")
	cmd.Flags().StringVarP(&format, "output", "o", format, "table, json, yaml or jsonl")
	return cmd
}

// A placeResult is what bench place found. Decided is by the core, which includes the
// scheduler.
type placeResult struct {
	Hosts      int `json:"hosts"`
	Instances  int `json:"instances"`
	Apps       int `json:"apps"`
	Processors int `json:"processors"`

	Placed          int     `json:"placed"`
	DecidedSeconds  float64 `json:"decided_seconds"`
	PlacementsPerS  float64 `json:"placements_per_second"`
	Steps           int     `json:"steps"`
	LongestStep     float64 `json:"longest_step_seconds"`
	Rows            int     `json:"rows"`
	Letters         int     `json:"letters"`
	Notices         int     `json:"notices"`
	SchedulerPlaced int     `json:"scheduler_placed"`
	SchedulerS      float64 `json:"scheduler_seconds"`
	SchedulerPerS   float64 `json:"scheduler_placements_per_second"`
}

func benchPlace(s *session, size benchSize) error {
	if size.apps == 0 {
		size.apps = min(1000, size.instances)
	}
	if err := size.check(); err != nil {
		return err
	}
	specs := benchApps(size)
	r := placeResult{Hosts: size.hosts, Instances: size.instances, Apps: size.apps, Processors: runtime.GOMAXPROCS(0)}
	warmHeap(size.instances * bytesEach)
	r.schedule(size, specs)
	warmHeap(size.instances * bytesEach)
	if err := r.decide(size, specs); err != nil {
		return err
	}
	if s.format != "table" {
		return s.show(r)
	}
	_, err := fmt.Fprintf(s.out, `scheduler: %d of %d placed on %d hosts in %.3f s, %.0f a second
core: %d of %d decided in %.3f s, %.0f a second; %d steps of at most %.3f s, with %d rows, %d letters to hosts and %d notices
`, r.SchedulerPlaced, size.instances, size.hosts, r.SchedulerS, r.SchedulerPerS,
		r.Placed, size.instances, r.DecidedSeconds, r.PlacementsPerS, r.Steps, r.LongestStep, r.Rows, r.Letters, r.Notices)
	return err
}

// bytesEach is what the heap grows by for each instance that is decided, roughly.
const bytesEach = 2 << 10

// warmHeap has the process own so much memory: to get a page from the kernel for the first
// time takes longer than what is measured, on some virtual machines many times so.
func warmHeap(bytes int) {
	const chunk = 32 << 20
	var all [][]byte
	for ; bytes > 0; bytes -= chunk {
		m := make([]byte, chunk)
		hugePages(m)
		for i := 0; i < len(m); i += 4096 {
			m[i] = 1
		}
		all = append(all, m)
	}
	runtime.KeepAlive(all)
	all = nil
	runtime.GC()
}

// schedule times the scheduler alone.
func (r *placeResult) schedule(size benchSize, specs []*apps.App) {
	board := placement.NewBoard()
	for i := range size.hosts {
		board.SetHost(placement.Offer{Host: benchHost(i)})
	}
	asks := make([]placement.Ask, 0, size.instances)
	for _, app := range specs {
		for range app.Instances {
			asks = append(asks, placement.Ask{Serial: uint64(len(asks)), App: app, Role: app.FairRole()})
		}
	}
	begun := time.Now()
	placed, _ := board.Place(asks)
	r.SchedulerS = time.Since(begun).Seconds()
	r.SchedulerPlaced = len(placed)
	r.SchedulerPerS = float64(len(placed)) / r.SchedulerS
}

// decide times the core from the change that asks for all until nothing more is decided.
func (r *placeResult) decide(size benchSize, specs []*apps.App) error {
	now := time.Now()
	state := cluster.New(cluster.Stored{Cluster: 1, LaunchesMax: math.MaxInt32}, 1, now)
	stamps := map[string]apps.Stamp{}
	for round := range uint64(2) { // each host says that it is there, then that it has its first letter
		var events []cluster.Event
		for i := range size.hosts {
			h := benchHost(i)
			events = append(events, cluster.Reported{Report: apps.Report{Host: h, Boot: 1, Revision: round + 1, Applied: stamps[h.Name]}})
		}
		fx, _ := state.Step(now, events)
		for _, a := range fx.Assign {
			stamps[a.Host] = a.Stamp
		}
		now = now.Add(time.Second)
	}
	change := cluster.Change{Request: "bench", Deployment: "bench"}
	for _, app := range specs {
		change.Put = append(change.Put, cluster.PutApp{App: app, New: true})
	}
	events := []cluster.Event{change}
	runtime.GC()
	for {
		begun := time.Now()
		fx, wake := state.Step(now, events)
		took := time.Since(begun).Seconds()
		r.DecidedSeconds += took
		r.LongestStep = max(r.LongestStep, took)
		r.Steps++
		r.Rows, r.Letters, r.Notices = r.Rows+len(fx.Save.Instances), r.Letters+len(fx.Assign), r.Notices+fx.Save.Notices.Len()
		for _, answer := range fx.Reply {
			if answer.Err != nil {
				return answer.Err
			}
		}
		for _, in := range fx.Save.Instances {
			if in.State == apps.Starting {
				r.Placed++
			}
		}
		if events = nil; wake.After(now) {
			break
		}
	}
	r.PlacementsPerS = float64(r.Placed) / r.DecidedSeconds
	return nil
}
