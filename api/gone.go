package api

import (
	"net/http"
	"strings"

	"pacer/api/wire"
	"pacer/apps"
)

// listGone is the history of instances: which have ended, newest first, of one app or
// of all, where and how long each ran, how it ended and why. An app that is deleted
// keeps its history for a while.
func (d *door) listGone(w http.ResponseWriter, r *http.Request) error {
	limit, err := limitOf(r, historyPage, historyMax)
	if err != nil {
		return err
	}
	gone, err := d.Reader.Finished(r.Context(), queriedApp(r), limit)
	if err != nil {
		return err
	}
	out := wire.EndedTasks{Tasks: []wire.EndedTask{}}
	for i := range gone {
		out.Tasks = append(out.Tasks, endedTask(&gone[i]))
	}
	return d.ok(w, out)
}

// queriedApp is the app that a list is narrowed to, written as in a path; empty: it is
// not.
func queriedApp(r *http.Request) apps.ID {
	text := strings.Trim(r.URL.Query().Get("app"), "/")
	if text == "" {
		return ""
	}
	return apps.ID("/" + text)
}

func endedTask(f *apps.Finished) wire.EndedTask {
	out := wire.EndedTask{
		ID: f.TaskID(), Instance: f.ID, App: string(f.App), Version: f.Version.String(), Host: f.Host,
		End: string(f.End), ExitCode: f.ExitCode, Message: f.Message,
		StagedAt: stamp(f.Staged), StartedAt: stamp(f.Started), ReadyAt: stamp(f.ReadyAt), At: stamp(f.At),
	}
	if !f.Started.IsZero() {
		out.Seconds = seconds(f.Started, f.At)
	}
	return out
}
