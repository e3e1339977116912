package deployer

import (
	"cmp"
	"slices"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// foldJobs takes over what a commit changed of jobs and runs.
func (v *View) foldJobs(c *cluster.Changes) {
	for _, id := range c.GoneJobs {
		delete(v.jobs, id)
	}
	for _, j := range c.Jobs {
		v.jobs[j.ID] = j
	}
	for _, r := range c.Runs {
		if v.runs[r.Job] == nil {
			v.runs[r.Job] = map[string]apps.Run{}
		}
		v.runs[r.Job][r.ID] = r
		v.runJobs[r.ID] = r.Job
	}
	for _, id := range c.GoneRuns {
		job := v.runJobs[id]
		delete(v.runJobs, id)
		if delete(v.runs[job], id); len(v.runs[job]) == 0 {
			delete(v.runs, job)
		}
	}
}

// Jobs are all jobs, ordered by id.
func (v *View) Jobs() []*apps.Job {
	v.mu.RLock()
	defer v.mu.RUnlock()
	out := make([]*apps.Job, 0, len(v.jobs))
	for _, j := range v.jobs {
		out = append(out, j)
	}
	slices.SortFunc(out, func(a, b *apps.Job) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Job is the job of that id.
func (v *View) Job(id apps.JobID) (*apps.Job, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	j, ok := v.jobs[id]
	return j, ok
}

// Runs are a job's runs, the active ones and its history, oldest first.
func (v *View) Runs(id apps.JobID) []apps.Run {
	v.mu.RLock()
	defer v.mu.RUnlock()
	out := make([]apps.Run, 0, len(v.runs[id]))
	for _, r := range v.runs[id] {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b apps.Run) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return out
}

// Run is one of a job's runs.
func (v *View) Run(job apps.JobID, id string) (apps.Run, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	r, ok := v.runs[job][id]
	return r, ok
}

// RunWait is why a run that waits for a host does; ok is false when it does not.
func (v *View) RunWait(r apps.Run) (cluster.Wait, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if a := v.apps[r.App]; a != nil && a.wait.Waiting > 0 {
		return a.wait, true
	}
	return cluster.Wait{}, false
}

// users reports whether the app is one that users made: it has a spec, is not being
// deleted, and is not a run's.
func (a *appView) users() bool {
	return a != nil && a.spec != nil && !a.spec.Deleted && a.spec.Run == ""
}
