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
	var app apps.ID
	if text := r.URL.Query().Get("app"); text != "" {
		app = appID(strings.FieldsFunc(text, func(c rune) bool { return c == '/' }))
	}
	gone, err := d.Reader.Finished(r.Context(), app, limit)
	if err != nil {
		return err
	}
	out := wire.EndedTasks{Tasks: []wire.EndedTask{}}
	for i := range gone {
		out.Tasks = append(out.Tasks, endedTask(&gone[i]))
	}
	return d.ok(w, out)
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
