package api

import (
	"net/http"
	"strconv"

	"pacer/api/wire"
	"pacer/apps"
)

// failuresMax is how many failures of an app are told; of as many the evidence is kept.
const failuresMax = 20

// listFailures tells how instances of an app ended that nobody wanted to, with what
// they printed and answered last. An app that is gone may have some, too.
func (d *door) listFailures(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		limit, err := limitOf(r, failuresMax, failuresMax)
		if err != nil {
			return err
		}
		v, err := d.view()
		if err != nil {
			return err
		}
		id := appID(path)
		failures, err := d.Reader.Failures(r.Context(), id, limit)
		if err != nil {
			return err
		}
		if _, ok := v.Spec(id); !ok && len(failures) == 0 {
			return noApp(id)
		}
		out := wire.FailureList{Failures: []wire.Failure{}}
		for i := range failures {
			out.Failures = append(out.Failures, failureOf(&failures[i]))
		}
		return d.ok(w, out)
	}
}

// limitOf reads how many are wanted.
func limitOf(r *http.Request, otherwise, most int) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, apps.Errorf(apps.Invalid, "limit must be a number from 1 to %d, not %q", most, text)
	}
	return n, nil
}

func failureOf(f *apps.Failure) wire.Failure {
	out := wire.Failure{
		Instance: f.ID, Version: f.Version.String(), Host: f.Host, End: string(f.End), ExitCode: f.ExitCode,
		Message: f.Message, StartedAt: stamp(f.Started), At: stamp(f.At), Health: checkReports(f.Health),
	}
	if e := f.Evidence; e != nil {
		out.Log = e.Log
		if len(e.Health) > 0 {
			out.Health = checkReports(e.Health)
		}
	}
	return out
}

func checkReports(health []apps.Health) []wire.CheckReport {
	out := []wire.CheckReport{}
	for _, h := range health {
		c := wire.CheckReport{Alive: h.Alive, Failures: h.Failures, Cause: h.Cause}
		if a := h.Last; a != nil {
			c.Last = &wire.CheckAnswer{At: stamp(a.At), OK: a.OK, Status: a.Status, Body: a.Body, Error: a.Error, LatencyMs: a.Latency}
		}
		out = append(out, c)
	}
	return out
}
