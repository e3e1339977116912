package api

import (
	"cmp"
	"maps"
	"slices"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// ledgerJobs is the part of a ledger that is about jobs.
type ledgerJobs struct {
	jobs map[apps.JobID]*apps.Job
	runs map[string]apps.Run
}

func (l *ledgerJobs) applyJobs(c *cluster.Changes) {
	if l.jobs == nil {
		l.jobs, l.runs = map[apps.JobID]*apps.Job{}, map[string]apps.Run{}
	}
	for _, id := range c.GoneJobs {
		delete(l.jobs, id)
	}
	for _, j := range c.Jobs {
		l.jobs[j.ID] = j
	}
	for _, r := range c.Runs {
		l.runs[r.ID] = r
	}
	for _, id := range c.GoneRuns {
		delete(l.runs, id)
	}
}

func (l *ledger) Jobs() (list []*apps.Job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(l.jobs)) {
		list = append(list, l.jobs[id])
	}
	return list
}

func (l *ledger) Job(id apps.JobID) (*apps.Job, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	j, ok := l.jobs[id]
	return j, ok
}

func (l *ledger) Runs(id apps.JobID) (list []apps.Run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.runs {
		if r.Job == id {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b apps.Run) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return list
}

func (l *ledger) Run(job apps.JobID, id string) (apps.Run, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.runs[id]
	return r, ok && r.Job == job
}

func (l *ledger) RunWait(r apps.Run) (cluster.Wait, bool) { return l.Wait(r.App) }
