package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pacer/api/wire"
)

func jobCommand(f *clientFlags) *cobra.Command {
	list := f.verb("list", "List jobs", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		all, err := s.Jobs(ctx)
		if err != nil {
			return err
		}
		return print(s, all, all, "ID SCHEDULES NEXT ACTIVE SUCCEEDED FAILED", func(j wire.JobInfo) []any {
			var crons []string
			next := ""
			for _, schedule := range j.Schedules {
				crons = append(crons, schedule.Cron)
				if at := value(schedule.NextRunAt); at != "" && (next == "" || at < next) {
					next = at
				}
			}
			return []any{j.ID, or(strings.Join(crons, "; "), "-"), or(next, "-"), len(j.ActiveRuns), j.HistorySummary.SuccessCount, j.HistorySummary.FailureCount}
		})
	})
	list.Aliases = []string{"ls"}
	show := f.verb("show JOB [RUN]", "Show a job, or one of its runs and why it failed", cobra.RangeArgs(1, 2), func(ctx context.Context, s *session, args []string) error {
		if len(args) == 2 {
			r, err := s.Run(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			return s.show(r)
		}
		j, err := s.Job(ctx, args[0])
		if err != nil {
			return err
		}
		return s.show(j)
	})
	history := f.verb("history JOB", "List the runs of a job, the newest first", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		runs, err := s.Runs(ctx, args[0])
		if err != nil {
			return err
		}
		return print(s, wire.RunStories{Runs: runs}, runs, "RUN STATUS BEGUN TOOK ATTEMPTS MESSAGE", func(r wire.RunStory) []any {
			return []any{r.ID, r.Status, r.CreatedAt, took(r), r.Attempts, or(firstLine(or(r.Message, r.Stopping)), "-")}
		})
	})
	return noun("job", "Jobs: work that is done and over, by schedule or on request",
		list, show, applyJobCommand(f), runJobCommand(f), stopJobCommand(f), history, jobLogsCommand(f), removeJobCommand(f))
}

// or is the first of two texts, or the other where that is empty.
func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// took is how long a run lasted; "-" while it does.
func took(r wire.RunStory) string {
	const layout = "2006-01-02T15:04:05.000-0700"
	from, err := time.Parse(layout, r.CreatedAt)
	to, err2 := time.Parse(layout, value(r.CompletedAt))
	if errors.Join(err, err2) != nil {
		return "-"
	}
	return to.Sub(from).Round(100 * time.Millisecond).String()
}

func applyJobCommand(f *clientFlags) *cobra.Command {
	cmd := f.verb("apply FILE", "Make what FILE says true: a job; - is standard input", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		raw, err := s.readJSON(args[0])
		if err != nil {
			return err
		}
		var job struct {
			ID        string          `json:"id"`
			Schedules json.RawMessage `json:"schedules"`
		}
		if err := json.Unmarshal(raw, &job); err != nil {
			return usageError("%s: %s%v", args[0], place(raw, err), err)
		}
		if job.ID == "" {
			return &exitError{exitUsage, args[0] + ": the job has no id", `it holds a job: {"id": "nightly.backup", "run": {…}, "schedules": […]}`}
		}
		made, created, err := s.PutJob(ctx, job.ID, raw, job.Schedules != nil)
		if err != nil {
			return err
		}
		word := "changed"
		if created {
			word = "created"
		}
		s.say("job %s is %s", made.ID, word)
		return nil
	})
	cmd.Long = `Make what FILE says true. FILE holds one job, in Metronome's JSON, or in YAML if its name
ends so; - is standard input. Active runs go on as they were begun.

FILE is the whole definition of the job's run: what it leaves out takes its default. Where it
has schedules these replace the job's; where it does not, the job keeps those it has.`
	return cmd
}

func runJobCommand(f *clientFlags) *cobra.Command {
	var wait bool
	var timeout time.Duration
	cmd := f.verb("run JOB", "Run a job now", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		r, err := s.StartRun(ctx, args[0])
		if err != nil {
			return err
		}
		if wait {
			return s.waitRun(ctx, args[0], r.ID, timeout)
		}
		if s.format != "table" {
			return s.show(r)
		}
		_, err = fmt.Fprintln(s.out, r.ID)
		return err
	})
	cmd.Long = `Run a job now, and print the id of the run. With --wait the result is its end: the code is 0
when it succeeded, 4 when it failed (its last lines are printed), 6 when --timeout was over
first; then, and when you interrupt, the run goes on.`
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the run has ended")
	cmd.Flags().DurationVar(&timeout, "timeout", defaultTimeout, "how long to wait; 0: for ever")
	return cmd
}

// waitRun follows a run to its end.
func (s *session) waitRun(ctx context.Context, job, run string, timeout time.Duration) error {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, errTimeout)
		defer cancel()
	}
	last := ""
	r, err := s.WaitRun(ctx, job, run, func(r wire.RunStory) {
		line := strings.ToLower(r.Status)
		if r.CompletedAt == nil && r.Message != "" {
			line += ": " + r.Message
		}
		if line != last {
			s.say("run %s: %s", run, line)
			last = line
		}
	})
	switch {
	case errors.Is(err, errTimeout):
		return exitf(exitStillRuns, "run %s has not ended after %s; it goes on", run, timeout)
	case errors.Is(err, context.Canceled):
		return &exitError{exitInterrupted, "interrupted; run " + run + " goes on", "pacer job stop " + job + " " + run + " stops it"}
	case err != nil:
		return err
	}
	if s.format != "table" {
		if err := s.show(r); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintln(s.out, r.ID); err != nil {
		return err
	}
	if r.Status == "SUCCESS" {
		return nil
	}
	if log := lastLog(r); log != "" {
		s.say("%s", strings.TrimRight(log, "\n"))
	}
	return &exitError{exitFailed, fmt.Sprintf("run %s of %s failed: %s", run, job, or(r.Message, "no reason is known")), "look at it with pacer job show " + job + " " + run}
}

func stopJobCommand(f *clientFlags) *cobra.Command {
	return f.verb("stop JOB [RUN]", "Stop a run of a job, or all that are active", cobra.RangeArgs(1, 2), func(ctx context.Context, s *session, args []string) error {
		runs := args[1:]
		if len(runs) == 0 {
			job, err := s.Job(ctx, args[0])
			if err != nil {
				return err
			}
			for _, r := range job.ActiveRuns {
				runs = append(runs, r.ID)
			}
			if len(runs) == 0 {
				s.say("%s has no active run", args[0])
			}
		}
		for _, run := range runs {
			if _, err := s.StopRun(ctx, args[0], run); err != nil {
				return err
			}
			s.say("run %s is being stopped", run)
		}
		return nil
	})
}

func jobLogsCommand(f *clientFlags) *cobra.Command {
	var follow bool
	var tail int
	cmd := f.verb("logs JOB [RUN]", "Print what a run prints, the newest where none is named", cobra.RangeArgs(1, 2), func(ctx context.Context, s *session, args []string) error {
		runs, err := s.Runs(ctx, args[0])
		if err != nil {
			return err
		}
		for _, r := range runs {
			if len(args) == 2 && r.ID != args[1] {
				continue
			}
			if r.CompletedAt == nil && len(r.Tasks) > 0 {
				return s.TaskLogs(ctx, r.Tasks[len(r.Tasks)-1].ID, tail, follow, s.out)
			}
			return s.lastLines(ctx, args[0], r.ID)
		}
		return exitf(exitNotFound, "%s has no such run", args[0])
	})
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what comes")
	cmd.Flags().IntVar(&tail, "tail", 100, "so many of the last lines; 0: all")
	return cmd
}

// lastLines prints what is kept of a run whose container is gone.
func (s *session) lastLines(ctx context.Context, job, run string) error {
	r, err := s.Run(ctx, job, run)
	if err != nil {
		return err
	}
	log := lastLog(r)
	if log == "" {
		return exitf(exitNotFound, "of run %s nothing is kept: it is %s, and its container is gone", run, strings.ToLower(r.Status))
	}
	s.say("run %s is over; its last lines:", run)
	_, err = fmt.Fprint(s.out, log)
	return err
}

// lastLog is the last lines of the last instance of a run of which any are kept.
func lastLog(r wire.RunStory) string {
	for _, end := range slices.Backward(r.Endings) {
		if end.Log != "" {
			return end.Log
		}
	}
	return ""
}

func removeJobCommand(f *clientFlags) *cobra.Command {
	var stop bool
	cmd := f.verb("remove JOB", "Remove a job, with its schedules and its history", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		if err := s.RemoveJob(ctx, args[0], stop); err != nil {
			return err
		}
		s.say("job %s is removed", args[0])
		return nil
	})
	cmd.Aliases = []string{"rm"}
	cmd.Flags().BoolVar(&stop, "stop", false, "stop its active runs; else they are a reason to refuse")
	return cmd
}
