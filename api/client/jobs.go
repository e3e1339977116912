package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"pacer/api/wire"
)

// allOfJob is all that can be known of a job.
var allOfJob = url.Values{"embed": {"activeRuns", "schedules", "history", "historySummary"}}

// Jobs lists jobs with their schedules, active runs and history, ordered by id.
func (c *Client) Jobs(ctx context.Context) ([]wire.JobInfo, error) {
	var out []wire.JobInfo
	err := c.get(ctx, "/v1/jobs", allOfJob, &out)
	return out, err
}

// Job is one job with its schedules, active runs and history.
func (c *Client) Job(ctx context.Context, id string) (wire.JobInfo, error) {
	var out wire.JobInfo
	err := c.get(ctx, path("/v1/jobs", id), allOfJob, &out)
	return out, err
}

// PutJob makes a job, or changes one. body is JSON text ([]byte) or a wire.Job. With
// schedules its schedules become those of body, else they stay as they are.
func (c *Client) PutJob(ctx context.Context, id string, body any, schedules bool) (job wire.JobInfo, created bool, err error) {
	prefix := "/v1/jobs"
	if schedules {
		prefix = "/v0/scheduled-jobs"
	}
	_, _, err = c.do(ctx, http.MethodPut, path(prefix, id), nil, body, &job)
	if !IsNotFound(err) {
		return job, false, err
	}
	_, _, err = c.do(ctx, http.MethodPost, prefix, nil, body, &job)
	return job, err == nil, err
}

// RemoveJob forgets a job with its history; with stop its active runs are stopped, else
// they are a reason to refuse.
func (c *Client) RemoveJob(ctx context.Context, id string, stop bool) error {
	_, _, err := c.do(ctx, http.MethodDelete, path("/v1/jobs", id), url.Values{"stopCurrentJobRuns": {strconv.FormatBool(stop)}}, nil, nil)
	return err
}

// StartRun runs a job now.
func (c *Client) StartRun(ctx context.Context, job string) (wire.Run, error) {
	var out wire.Run
	_, _, err := c.do(ctx, http.MethodPost, path("/v1/jobs", job, "runs"), nil, map[string]any{}, &out)
	return out, err
}

// StopRun stops a run.
func (c *Client) StopRun(ctx context.Context, job, run string) (wire.Run, error) {
	var out wire.Run
	_, _, err := c.do(ctx, http.MethodPost, path("/v1/jobs", job, "runs", run, "actions", "stop"), nil, nil, &out)
	return out, err
}

// Runs are the runs of a job that are kept, active and ended, the newest first.
func (c *Client) Runs(ctx context.Context, job string) ([]wire.RunStory, error) {
	var out wire.RunStories
	err := c.get(ctx, path("/pacer/v1/jobs", job, "runs"), nil, &out)
	return out.Runs, err
}

// Run is one run, with the last lines of its instances.
func (c *Client) Run(ctx context.Context, job, run string) (wire.RunStory, error) {
	var out wire.RunStory
	err := c.get(ctx, path("/pacer/v1/jobs", job, "runs", run), nil, &out)
	return out, err
}

// WaitRun waits until a run has ended and returns how. It calls progress, which may be
// nil, with what it sees on the way. It outlives changes of leader; a server that is
// silent for a minute, or the end of ctx, is an error.
func (c *Client) WaitRun(ctx context.Context, job, run string, progress func(wire.RunStory)) (wire.RunStory, error) {
	pause := 50 * time.Millisecond
	answered := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return wire.RunStory{}, context.Cause(ctx)
		case <-timer.C:
		}
		r, err := c.Run(ctx, job, run)
		switch {
		case err == nil:
			answered = time.Now()
			if progress != nil {
				progress(r)
			}
			if r.CompletedAt != nil {
				return r, nil
			}
		case !passing(err) || time.Since(answered) > patience:
			return wire.RunStory{}, err
		}
		timer.Reset(pause)
		pause = min(pause*3/2, time.Second)
	}
}
