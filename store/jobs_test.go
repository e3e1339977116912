package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
)

func TestJobsAndRunsComeAndGo(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		job := func(id apps.JobID, v apps.Version) *apps.Job {
			return &apps.Job{ID: id, Version: v, Schedules: []apps.Schedule{{ID: "daily", Cron: "0 0 * * *", Mark: today}}}
		}
		run := func(id string, state apps.RunState) apps.Run {
			return apps.Run{ID: id, Job: "a", App: apps.RunApp("a", id), Created: today, State: state}
		}
		commit(t, d, l, cluster.Changes{Jobs: []*apps.Job{job("a", 1), job("b", 1)}, Runs: []apps.Run{run("1", apps.RunActive), run("2", apps.RunActive)}})

		commit(t, d, l, cluster.Changes{
			GoneJobs: []apps.JobID{"a", "b"}, Jobs: []*apps.Job{job("a", 2), job("a", 3)}, // deleted and made anew
			Runs: []apps.Run{run("2", apps.RunFailed), run("3", apps.RunActive)}, GoneRuns: []string{"1"},
		})

		s := load(t, d)
		diff(t, "jobs", []*apps.Job{job("a", 3)}, s.Jobs)
		diff(t, "runs", []apps.Run{run("2", apps.RunFailed), run("3", apps.RunActive)}, s.Runs)
	})
}

// A slot and its run are one commit: a deposed leader stores neither.
func TestASlotOfADeposedLeaderIsNotStored(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		old := lead(t, d)
		before := &apps.Job{ID: "a", Schedules: []apps.Schedule{{ID: "daily", Mark: today}}}
		commit(t, d, old, cluster.Changes{Jobs: []*apps.Job{before}})
		if err := old.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		lead(t, d)
		fired := &apps.Job{ID: "a", Schedules: []apps.Schedule{{ID: "daily", Mark: today.Add(time.Hour)}}}

		err := d.Commit(t.Context(), old.Epoch, cluster.Changes{Jobs: []*apps.Job{fired}, Runs: []apps.Run{{ID: "1", Job: "a", State: apps.RunActive}}})

		if !errors.Is(err, ErrFenced) {
			t.Errorf("got %v, want ErrFenced", err)
		}
		s := load(t, d)
		diff(t, "jobs", []*apps.Job{before}, s.Jobs)
		diff(t, "runs", []apps.Run(nil), s.Runs)
	})
}

// However many runs there are, what is kept of apps does not make way for them.
func TestTheHistoryOfRunsDoesNotPushOutThatOfApps(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		var c cluster.Changes
		end := func(id string, app apps.ID, at time.Duration) {
			c.Finished = append(c.Finished, apps.Finished{Instance: apps.Instance{ID: id, App: app}, End: apps.EndFailed, At: today.Add(at)})
			c.Evidence = append(c.Evidence, apps.Evidence{Instance: id, App: app, At: today.Add(at)})
		}
		end("old", "/web", 0)
		for n := range finishedOfRuns + 100 {
			end(fmt.Sprintf("run%05d", n), apps.RunApp("a", fmt.Sprint(n)), time.Duration(n+1)*time.Millisecond)
		}
		commit(t, d, l, c)
		if err := d.pruneOnce(t.Context(), today); err != nil {
			t.Fatal(err)
		}

		count := func(table string) (n int) {
			if err := d.read.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if finished, evidence := count("finished"), count("evidence"); finished != finishedOfRuns+1 || evidence != evidenceOfRuns+1 {
			t.Errorf("kept are %d ends and %d pieces of evidence, want %d and %d", finished, evidence, finishedOfRuns+1, evidenceOfRuns+1)
		}
		if f := must(d.Failures(t.Context(), "/web", 10))(t); len(f) != 1 || f[0].Evidence == nil {
			t.Errorf("of /web is left %+v", f)
		}
		newest := apps.RunApp("a", fmt.Sprint(finishedOfRuns+99))
		if f := must(d.Failures(t.Context(), newest, 10))(t); len(f) != 1 {
			t.Errorf("of the newest run is left %+v", f)
		}
	})
}
