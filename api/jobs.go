package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// A JobView is what is committed of jobs.
type JobView interface {
	Jobs() []*apps.Job // ordered by id
	Job(id apps.JobID) (*apps.Job, bool)
	Runs(id apps.JobID) []apps.Run // active ones and history, oldest first
	Run(job apps.JobID, id string) (apps.Run, bool)
	RunWait(r apps.Run) (cluster.Wait, bool)
}

// jobRoutes hangs Metronome's API on the router. Ids of jobs have dots, no slashes.
func (d *door) jobRoutes(router chi.Router) {
	router.HandleFunc("/v1/jobs", d.resource(methods{"GET": d.listJobs, "POST": d.createJob}))
	router.HandleFunc("/v1/jobs/{job}", d.resource(methods{"GET": d.getJob, "PUT": d.updateJob, "DELETE": d.deleteJob}))
	router.HandleFunc("/v1/jobs/{job}/schedules", d.resource(methods{"GET": d.listSchedules, "POST": d.createSchedule}))
	router.HandleFunc("/v1/jobs/{job}/schedules/{schedule}", d.resource(methods{"GET": d.getSchedule, "PUT": d.updateSchedule, "DELETE": d.deleteSchedule}))
	router.HandleFunc("/v1/jobs/{job}/runs", d.resource(methods{"GET": d.listRuns, "POST": d.startRun}))
	router.HandleFunc("/v1/jobs/{job}/runs/{run}", d.resource(methods{"GET": d.getRun}))
	router.HandleFunc("/v1/jobs/{job}/runs/{run}/actions/stop", d.resource(methods{"POST": d.stopRun}))
	router.HandleFunc("/v1/queue", d.resource(methods{"GET": d.getRunQueue}))
	router.HandleFunc("/v1/metrics", d.resource(methods{"GET": d.getMetrics}))
	router.HandleFunc("/info", d.resource(methods{"GET": d.getJobsInfo})) // DC/OS has it below /service/metronome
	router.HandleFunc("/leader", d.resource(methods{"GET": d.getLeader}))
	router.HandleFunc("/v0/scheduled-jobs", d.resource(methods{"GET": d.listScheduledJobs, "POST": d.createScheduledJob}))
	router.HandleFunc("/v0/scheduled-jobs/{job}", d.resource(methods{"GET": d.getScheduledJob, "PUT": d.updateScheduledJob}))
	router.HandleFunc("/pacer/v1/jobs/{job}/runs", d.resource(methods{"GET": d.listRunStories}))
	router.HandleFunc("/pacer/v1/jobs/{job}/runs/{run}", d.resource(methods{"GET": d.getRunStory}))
}

func jobID(r *http.Request) apps.JobID { return apps.JobID(chi.URLParam(r, "job")) }

func noJob(id apps.JobID) error { return apps.Errorf(apps.NotFound, "Job '%s' does not exist", id) }

// metronomeVersion is the Metronome that is imitated.
const metronomeVersion = "0.6.48"

func (d *door) getJobsInfo(w http.ResponseWriter, r *http.Request) error {
	return d.ok(w, map[string]string{"version": metronomeVersion, "libVersion": metronomeVersion})
}

// job is the one that the path names.
func (d *door) job(r *http.Request) (*lookup, *apps.Job, error) {
	v, err := d.view()
	if err != nil {
		return nil, nil, err
	}
	j, ok := v.Job(jobID(r))
	if !ok {
		return nil, nil, noJob(jobID(r))
	}
	return v, j, nil
}

// jobEmbeds are the parts of a job that are there when they are asked for.
var jobEmbeds = []string{"activeRuns", "schedules", "history", "historySummary"}

func embedsOfJob(r *http.Request) (map[string]bool, error) {
	out := map[string]bool{}
	for _, list := range r.URL.Query()["embed"] {
		for name := range strings.SplitSeq(list, ",") {
			if !slices.Contains(jobEmbeds, name) {
				return nil, invalid("Object is not valid", "/embed", "'"+name+"' cannot be embedded: choose of "+strings.Join(jobEmbeds, ", "))
			}
			out[name] = true
		}
	}
	return out, nil
}

// jobInfo is a job with what is asked for.
func (l *lookup) jobInfo(j *apps.Job, embed map[string]bool) wire.JobInfo {
	out := wire.JobInfo{Job: wire.FromJob(j)}
	if embed["schedules"] {
		out.Schedules = schedules(j)
	}
	if embed["activeRuns"] {
		out.ActiveRuns = l.activeRuns(j.ID)
	}
	counts := wire.HistoryCounts{SuccessCount: j.Successes, FailureCount: j.Failures, LastSuccessAt: jobTime(j.LastSuccess), LastFailureAt: jobTime(j.LastFailure)}
	if embed["historySummary"] {
		out.HistorySummary = &counts
	}
	if embed["history"] {
		out.History = &wire.History{HistoryCounts: counts, Succeeded: []wire.FinishedRun{}, Failed: []wire.FinishedRun{}}
		for _, r := range slices.Backward(l.Runs(j.ID)) {
			switch r.State {
			case apps.RunSucceeded:
				out.History.Succeeded = append(out.History.Succeeded, finishedRun(&r))
			case apps.RunFailed:
				out.History.Failed = append(out.History.Failed, finishedRun(&r))
			}
		}
	}
	return out
}

func jobTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(wire.JobTime(t))
}

func schedules(j *apps.Job) []wire.Schedule {
	out := []wire.Schedule{}
	for _, s := range j.Schedules {
		out = append(out, wire.FromSchedule(s, time.Now()))
	}
	return out
}

func finishedRun(r *apps.Run) wire.FinishedRun {
	out := wire.FinishedRun{ID: r.ID, CreatedAt: wire.JobTime(r.Created), FinishedAt: wire.JobTime(r.Ended), Tasks: []string{}}
	for _, t := range r.Tasks {
		out.Tasks = append(out.Tasks, taskOf(t.Instance))
	}
	return out
}

func taskOf(instance string) string { return (&apps.Instance{ID: instance}).TaskID() }

func (d *door) listJobs(w http.ResponseWriter, r *http.Request) error {
	embed, err := embedsOfJob(r)
	if err != nil {
		return err
	}
	return d.tellJobs(w, embed)
}

func (d *door) tellJobs(w http.ResponseWriter, embed map[string]bool) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	out := []wire.JobInfo{}
	for _, j := range v.Jobs() {
		out = append(out, v.jobInfo(j, embed))
	}
	return d.ok(w, out)
}

func (d *door) getJob(w http.ResponseWriter, r *http.Request) error {
	embed, err := embedsOfJob(r)
	if err != nil {
		return err
	}
	return d.tellJob(w, r, embed)
}

func (d *door) tellJob(w http.ResponseWriter, r *http.Request, embed map[string]bool) error {
	v, j, err := d.job(r)
	if err != nil {
		return err
	}
	return d.ok(w, v.jobInfo(j, embed))
}

var withSchedules = map[string]bool{"schedules": true}

func (d *door) listScheduledJobs(w http.ResponseWriter, r *http.Request) error {
	return d.tellJobs(w, withSchedules)
}

func (d *door) getScheduledJob(w http.ResponseWriter, r *http.Request) error {
	return d.tellJob(w, r, withSchedules)
}

func (d *door) createJob(w http.ResponseWriter, r *http.Request) error {
	return d.putJob(w, r, cluster.PutJob{New: true}, false)
}

func (d *door) updateJob(w http.ResponseWriter, r *http.Request) error {
	return d.putJob(w, r, cluster.PutJob{}, false)
}

func (d *door) createScheduledJob(w http.ResponseWriter, r *http.Request) error {
	return d.putJob(w, r, cluster.PutJob{New: true}, true)
}

func (d *door) updateScheduledJob(w http.ResponseWriter, r *http.Request) error {
	return d.putJob(w, r, cluster.PutJob{}, true)
}

// putJob makes or changes a job; with its schedules, as /v0 has it, they become those
// of the body.
func (d *door) putJob(w http.ResponseWriter, r *http.Request, ev cluster.PutJob, scheduled bool) error {
	var body wire.Job
	if err := read(w, r, &body); err != nil {
		return err
	}
	var err error
	if ev.Job, err = body.Make(d.Wire, string(jobID(r))); err != nil {
		return err
	}
	if scheduled {
		if ev.Job.Schedules, err = body.MakeSchedules(); err != nil {
			return err
		}
	}
	if err := d.runnableJob(ev.Job); err != nil {
		return err
	}
	reply, err := d.submit(r, func(request string) cluster.Event {
		ev.Request = request
		return ev
	})
	if err != nil {
		return err
	}
	out := wire.JobInfo{Job: wire.FromJob(reply.Job)}
	if scheduled {
		out.Schedules = schedules(reply.Job)
	}
	status := http.StatusOK
	if ev.New {
		status = http.StatusCreated
	}
	d.writeJSON(w, status, out)
	return nil
}

// runnableJob refuses what no host of ours could run, with paths of a job.
func (d *door) runnableJob(j *apps.Job) error {
	if d.Runnable == nil {
		return nil
	}
	err := d.Runnable(&j.Spec)
	if e, ok := err.(*apps.Error); ok {
		moved := *e
		moved.Details = nil
		for _, f := range e.Details {
			moved.Details = append(moved.Details, apps.FieldErrors{Path: "/run" + strings.TrimPrefix(f.Path, "/container"), Errors: f.Errors})
		}
		return &moved
	}
	return err
}

func (d *door) deleteJob(w http.ResponseWriter, r *http.Request) error {
	stop, err := flag(r, "stopCurrentJobRuns", false)
	if err != nil {
		return err
	}
	reply, err := d.submit(r, func(request string) cluster.Event {
		return cluster.DropJob{Request: request, Job: jobID(r), Stop: stop}
	})
	if err != nil {
		return err
	}
	return d.ok(w, wire.JobInfo{Job: wire.FromJob(reply.Job)})
}

func (d *door) listSchedules(w http.ResponseWriter, r *http.Request) error {
	_, j, err := d.job(r)
	if err != nil {
		return err
	}
	return d.ok(w, schedules(j))
}

func (d *door) getSchedule(w http.ResponseWriter, r *http.Request) error {
	_, j, err := d.job(r)
	if err != nil {
		return err
	}
	s := j.Schedule(chi.URLParam(r, "schedule"))
	if s == nil {
		return apps.Errorf(apps.NotFound, "Schedule '%s' does not exist", chi.URLParam(r, "schedule"))
	}
	return d.ok(w, wire.FromSchedule(*s, time.Now()))
}

func (d *door) createSchedule(w http.ResponseWriter, r *http.Request) error {
	return d.putSchedule(w, r, "", http.StatusCreated)
}

func (d *door) updateSchedule(w http.ResponseWriter, r *http.Request) error {
	return d.putSchedule(w, r, chi.URLParam(r, "schedule"), http.StatusOK)
}

func (d *door) putSchedule(w http.ResponseWriter, r *http.Request, id string, status int) error {
	var body wire.Schedule
	if err := read(w, r, &body); err != nil {
		return err
	}
	made, err := body.Make(id)
	if err != nil {
		return err
	}
	reply, err := d.submit(r, func(request string) cluster.Event {
		return cluster.PutSchedule{Request: request, Job: jobID(r), Schedule: made, New: id == ""}
	})
	if err != nil {
		return err
	}
	d.writeJSON(w, status, wire.FromSchedule(*reply.Job.Schedule(made.ID), time.Now()))
	return nil
}

func (d *door) deleteSchedule(w http.ResponseWriter, r *http.Request) error {
	_, err := d.submit(r, func(request string) cluster.Event {
		return cluster.DropSchedule{Request: request, Job: jobID(r), Schedule: chi.URLParam(r, "schedule")}
	})
	if err != nil {
		return err
	}
	return d.ok(w, map[string]any{})
}
