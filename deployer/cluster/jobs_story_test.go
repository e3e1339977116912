package cluster

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pacer/apps"
)

// doJob knows what stories say of jobs:
//
//	at 2026-03-28T12:00:00Z                    the clock is set; nobody beats meanwhile
//	job backup [retry[=5m]] [after=other] …    makes or changes one; cpu=, mem= as of an app
//	schedule backup daily [zone=Europe/Berlin] [deadline=15m] [forbid] [off] cron 30 2 * * *
//	unschedule backup daily · drop backup [stop]
//	run backup · stop backup#1                 a run of a job, by its number
//	nobody leads for 2h                        … and then another leader takes over
func (st *story) doJob(verb string, args []string) bool {
	switch verb {
	case "at":
		now, err := time.Parse(time.RFC3339, args[0])
		if err != nil {
			st.t.Fatal(err)
		}
		st.now = now
		st.step()
	case "job":
		spec := st.job(args)
		_, known := st.s.jobs[spec.ID]
		st.step(PutJob{Request: "r", Job: spec, New: !known})
	case "schedule":
		schedule := st.schedule(args[1:])
		j := st.s.jobs[apps.JobID(args[0])]
		st.step(PutSchedule{Request: "r", Job: apps.JobID(args[0]), Schedule: schedule, New: j == nil || j.spec.Schedule(schedule.ID) == nil})
	case "unschedule":
		st.step(DropSchedule{Request: "r", Job: apps.JobID(args[0]), Schedule: args[1]})
	case "drop":
		st.step(DropJob{Request: "r", Job: apps.JobID(args[0]), Stop: slices.Contains(args, "stop")})
	case "run":
		st.step(StartRun{Request: "r", Job: apps.JobID(args[0])})
	case "stop":
		job, _, _ := strings.Cut(args[0], "#")
		id := ""
		for app, name := range st.runNames {
			if name == args[0] {
				_, id, _ = strings.Cut(string(app), "_")
			}
		}
		st.step(StopRun{Request: "r", Job: apps.JobID(job), Run: id})
	case "nobody": // leads for
		d, err := time.ParseDuration(args[2])
		if err != nil {
			st.t.Fatal(err)
		}
		st.now = st.now.Add(d)
		st.lead()
	default:
		return false
	}
	return true
}

func (st *story) job(args []string) *apps.Job {
	j := &apps.Job{ID: apps.JobID(args[0]), Spec: apps.App{Network: apps.NetworkHost, Cmd: "work", Needs: apps.Resources{CPU: 1000, Mem: 128}, Backoff: apps.Backoff{Max: time.Hour}}}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "retry":
			j.Restart.OnFailure = true
			if value != "" {
				j.Restart.Deadline = st.duration(value)
			}
		case "after":
			for id := range strings.SplitSeq(value, ",") {
				j.Dependencies = append(j.Dependencies, apps.JobID(id))
			}
		case "cpu":
			j.Spec.Needs.CPU = int64(st.number(value)) * 1000
		default:
			st.t.Fatalf("a job has no %q", key)
		}
	}
	return j
}

func (st *story) schedule(args []string) apps.Schedule {
	s := apps.Schedule{ID: args[0], Enabled: true, Deadline: 15 * time.Minute}
	for i, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "zone":
			s.Zone = value
		case "deadline":
			s.Deadline = st.duration(value)
		case "forbid":
			s.Forbid = true
		case "off":
			s.Enabled = false
		case "cron":
			s.Cron = strings.Join(args[i+2:], " ")
			return s
		default:
			st.t.Fatalf("a schedule has no %q", key)
		}
	}
	st.t.Fatal("a schedule has a cron")
	return s
}

func (st *story) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		st.t.Fatal(err)
	}
	return d
}

// runsMade names the runs that begin, before their instances are told of.
func (st *story) runsMade(c *Changes) {
	made := slices.Clone(c.Runs)
	slices.SortFunc(made, func(a, b apps.Run) int { return cmp.Compare(a.Job, b.Job) })
	for _, r := range made {
		if st.runNames[r.App] != "" {
			continue
		}
		st.runCounts[r.Job]++
		st.runNames[r.App] = string(r.Job) + "#" + strconv.Itoa(st.runCounts[r.Job])
		why := "on request"
		if !r.Slot.IsZero() {
			why = "of " + r.Schedule + " at " + r.Slot.UTC().Format("15:04:05")
		}
		st.note("run    %s %s", st.runNames[r.App], why)
	}
}

// storeJobs keeps jobs and runs, and tells how runs ended.
func (st *story) storeJobs(c *Changes) {
	for _, id := range c.GoneJobs {
		st.stored.Jobs = slices.DeleteFunc(slices.Clone(st.stored.Jobs), func(o *apps.Job) bool { return o.ID == id })
	}
	for _, j := range c.Jobs {
		st.stored.Jobs = append(slices.DeleteFunc(slices.Clone(st.stored.Jobs), func(o *apps.Job) bool { return o.ID == j.ID }), j)
	}
	for _, r := range c.Runs {
		st.stored.Runs = append(slices.DeleteFunc(slices.Clone(st.stored.Runs), func(o apps.Run) bool { return o.ID == r.ID }), r)
		if r.State != apps.RunActive {
			st.note("ended  %s %s", st.runNames[r.App], strings.TrimSpace(string(r.State)+" "+r.Message))
		}
	}
	st.stored.Runs = slices.DeleteFunc(slices.Clone(st.stored.Runs), func(o apps.Run) bool { return slices.Contains(c.GoneRuns, o.ID) })
	for n := range c.Notices.All() {
		if n.Type == noticeSlotSkipped {
			st.note("skip   %s %s", n.Job, n.Message)
		}
	}
}
