package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// activeRuns are a job's active runs, oldest first.
func (l *lookup) activeRuns(id apps.JobID) []wire.Run {
	out := []wire.Run{}
	for _, r := range l.Runs(id) {
		if r.State == apps.RunActive {
			out = append(out, l.run(&r))
		}
	}
	return out
}

// run is a run on the wire: its instances that ended, and the one that there is now.
func (l *lookup) run(r *apps.Run) wire.Run {
	out := wire.Run{ID: r.ID, JobID: string(r.Job), Status: "INITIAL", CreatedAt: wire.JobTime(r.Created), CompletedAt: jobTime(r.Ended), Tasks: []wire.RunTask{}}
	for _, t := range r.Tasks {
		task := wire.RunTask{ID: taskOf(t.Instance), CompletedAt: jobTime(t.At), Status: endStatus(t.End)}
		if !t.Started.IsZero() {
			task.StartedAt = wire.JobTime(t.Started)
		}
		out.Tasks = append(out.Tasks, task)
	}
	switch r.State {
	case apps.RunSucceeded:
		out.Status = "SUCCESS"
		return out
	case apps.RunFailed:
		out.Status = "FAILED"
		return out
	}
	for _, in := range l.InstancesOf(r.App) {
		if !launched(&in) {
			continue
		}
		out.Status = "STARTING"
		task := wire.RunTask{ID: in.TaskID(), Status: taskState(&in)}
		if !in.Started.IsZero() {
			out.Status, task.StartedAt = "ACTIVE", wire.JobTime(in.Started)
		}
		out.Tasks = append(out.Tasks, task)
	}
	return out
}

func endStatus(end apps.End) string {
	switch end {
	case apps.EndFinished:
		return "TASK_FINISHED"
	case apps.EndStopped:
		return "TASK_KILLED"
	case apps.EndLost:
		return "TASK_GONE"
	}
	return "TASK_FAILED"
}

func (d *door) listRuns(w http.ResponseWriter, r *http.Request) error {
	v, j, err := d.job(r)
	if err != nil {
		return err
	}
	return d.ok(w, v.activeRuns(j.ID))
}

func noRun(id string) error { return apps.Errorf(apps.NotFound, "Job Run '%s' does not exist", id) }

// getRun tells of an active run, and of one that ended and is kept, too.
func (d *door) getRun(w http.ResponseWriter, r *http.Request) error {
	v, j, err := d.job(r)
	if err != nil {
		return err
	}
	run, ok := v.Run(j.ID, chi.URLParam(r, "run"))
	if !ok {
		return noRun(chi.URLParam(r, "run"))
	}
	return d.ok(w, v.run(&run))
}

func (d *door) startRun(w http.ResponseWriter, r *http.Request) error {
	reply, err := d.submit(r, func(request string) cluster.Event {
		return cluster.StartRun{Request: request, Job: jobID(r), Key: keyIn(r)}
	})
	if err != nil {
		return err
	}
	return d.tellRun(w, http.StatusCreated, reply.Run)
}

func (d *door) stopRun(w http.ResponseWriter, r *http.Request) error {
	reply, err := d.submit(r, func(request string) cluster.Event {
		return cluster.StopRun{Request: request, Job: jobID(r), Run: chi.URLParam(r, "run")}
	})
	if err != nil {
		return err
	}
	return d.tellRun(w, http.StatusOK, reply.Run)
}

// tellRun answers with a run as it is now, or, where it is gone already, was.
func (d *door) tellRun(w http.ResponseWriter, status int, run *apps.Run) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	if now, ok := v.Run(run.Job, run.ID); ok {
		run = &now
	}
	d.writeJSON(w, status, v.run(run))
	return nil
}

// getRunQueue are the runs that wait for a host.
func (d *door) getRunQueue(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	out := []wire.QueuedRuns{}
	for _, j := range v.Jobs() {
		queued := wire.QueuedRuns{JobID: string(j.ID)}
		for _, run := range v.Runs(j.ID) {
			if _, waits := v.RunWait(run); waits && run.State == apps.RunActive {
				queued.Runs = append(queued.Runs, wire.RunRef{RunID: run.ID})
			}
		}
		if len(queued.Runs) > 0 {
			out = append(out, queued)
		}
	}
	return d.ok(w, out)
}

// listRunStories tells of all runs of a job that are kept, the newest first.
func (d *door) listRunStories(w http.ResponseWriter, r *http.Request) error {
	v, j, err := d.job(r)
	if err != nil {
		return err
	}
	out := wire.RunStories{Runs: []wire.RunStory{}}
	for _, run := range slices.Backward(v.Runs(j.ID)) {
		out.Runs = append(out.Runs, v.runStory(&run))
	}
	return d.ok(w, out)
}

// getRunStory tells of one run, with the last lines of its instances.
func (d *door) getRunStory(w http.ResponseWriter, r *http.Request) error {
	v, j, err := d.job(r)
	if err != nil {
		return err
	}
	run, ok := v.Run(j.ID, chi.URLParam(r, "run"))
	if !ok {
		return noRun(chi.URLParam(r, "run"))
	}
	failures, err := d.Reader.Failures(r.Context(), run.App, failuresMax) // all that ended by themselves, whatever their code
	if err != nil {
		return err
	}
	out := v.runStory(&run)
	for _, f := range failures {
		for i := range out.Endings {
			if out.Endings[i].ID == f.TaskID() && f.Evidence != nil {
				out.Endings[i].Log = f.Evidence.Log
			}
		}
	}
	return d.ok(w, out)
}

func (l *lookup) runStory(r *apps.Run) wire.RunStory {
	out := wire.RunStory{
		Run: l.run(r), Schedule: r.Schedule, Stopping: r.Stopping, Message: r.Message, Attempts: r.Attempts,
		Endings: []wire.TaskEnd{},
	}
	if !r.Slot.IsZero() {
		out.Slot = wire.JobTime(r.Slot)
	}
	for _, t := range r.Tasks {
		out.Endings = append(out.Endings, wire.TaskEnd{
			ID: taskOf(t.Instance), Host: t.Host, End: string(t.End), ExitCode: t.ExitCode, Message: t.Message, At: wire.JobTime(t.At),
		})
	}
	if wait, ok := l.RunWait(*r); ok && r.State == apps.RunActive {
		if out.Message = wait.Sentence(); wait.Until.After(time.Now()) {
			out.Message = "tried again at " + wire.JobTime(wait.Until)
		}
	}
	return out
}

// jobEvent writes what is said of jobs and their runs.
func jobEvent(f event, n *apps.Notice) {
	f["jobId"] = string(n.Job)
	if r := n.Run; r != nil {
		f["runId"], f["state"] = r.ID, string(r.State)
		if r.Schedule != "" {
			f["schedule"], f["slot"] = r.Schedule, wire.JobTime(r.Slot)
		}
	}
	if in := n.Instance; in != nil {
		f["taskId"], f["taskStatus"], f["slaveId"] = in.TaskID(), n.Status, in.Host
		delete(f, "host")
	}
}
