package api

import (
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

func itoa(i int) string { return strconv.Itoa(i) }

func (d *door) listTasks(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	if prefersText(r.Header.Values("Accept")) {
		return d.textTasks(w, r, v, v.Apps())
	}
	q := r.URL.Query()
	var states []string
	for _, status := range append(q["status"], q["status[]"]...) {
		switch status {
		case "running":
			states = append(states, "TASK_RUNNING")
		case "staging":
			states = append(states, "TASK_STAGING")
		}
	}
	slices.Sort(states)
	states = slices.Compact(states)
	p, err := d.page(v, rollKey{of: "tasks", only: strings.Join(states, ",")}, listing{head: tasksHead, tail: tasksTail, render: func(app *apps.App) ([]byte, error) {
		return v.taskTexts(app, states)
	}})
	if err != nil {
		return err
	}
	return d.writePage(w, r, p)
}

var tasksHead, tasksTail = newPart([]byte(`{"tasks":[`)), newPart([]byte("]}\n"))

// taskTexts is the tasks of an app in these states (none: in any), with commas between.
func (l *lookup) taskTexts(app *apps.App, states []string) (text []byte, err error) {
	if app.Pod != nil {
		return nil, nil
	}
	service := servicePorts(app)
	for _, t := range l.tasksOf(app) {
		if len(states) > 0 && !slices.Contains(states, t.State) {
			continue
		}
		t.ServicePorts = service
		one, err := encoded(t)
		if err != nil {
			return nil, err
		}
		if len(text) > 0 {
			text = append(text, ',')
		}
		text = append(text, one...)
	}
	return text, nil
}

func servicePorts(app *apps.App) []int {
	ports := make([]int, len(app.Ports))
	for i, p := range app.Ports {
		ports[i] = p.Service
	}
	return ports
}

// tasksOf is the tasks of an app, oldest first.
func (l *lookup) tasksOf(app *apps.App) (tasks []wire.Task) {
	for _, in := range l.InstancesOf(app.ID) {
		if launched(&in) {
			tasks = append(tasks, task(&in, app, l))
		}
	}
	return tasks
}

func (d *door) listAppTasks(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		list, err := v.named(path)
		if err != nil {
			return err
		}
		if prefersText(r.Header.Values("Accept")) {
			return d.textTasks(w, r, v, list)
		}
		out := wire.Tasks{Tasks: []wire.Task{}}
		for _, app := range list {
			out.Tasks = append(out.Tasks, v.tasksOf(app)...)
		}
		return d.ok(w, out)
	}
}

// named is the app that a path spells, or with a star at its end the apps of a group.
func (l *lookup) named(path []string) ([]*apps.App, error) {
	if n := len(path); path[n-1] == "*" {
		group := appID(path[:n-1])
		list := l.below(group)
		if len(list) == 0 && n > 1 {
			return nil, noGroup(group)
		}
		return list, nil
	}
	app, ok := l.App(appID(path))
	if !ok {
		return nil, noApp(appID(path))
	}
	return []*apps.App{app}, nil
}

// prefersText reports whether a client would rather have text/plain than JSON.
// Only one that names it does: */* means JSON.
func prefersText(accept []string) bool {
	text, json := 0.0, 0.0
	for _, item := range strings.Split(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(item))
		if err != nil {
			continue
		}
		q := 1.0
		if v, err := strconv.ParseFloat(params["q"], 64); err == nil {
			q = v
		}
		switch media {
		case "text/plain", "text/*":
			text = max(text, q)
		case "application/json", "application/*", "*/*":
			json = max(json, q)
		}
	}
	return text > json
}

// textTasks is the form up to Marathon 1.9, one line per app and service port:
// id TAB port TAB host:port TAB … for each running task.
func (d *door) textTasks(w http.ResponseWriter, r *http.Request, v *lookup, list []*apps.App) error {
	networks := strings.Split(r.URL.Query().Get("containerNetworks"), ",")
	var b strings.Builder
	for _, app := range list {
		instances := slices.DeleteFunc(slices.Clone(v.InstancesOf(app.ID)), func(in apps.Instance) bool { return !running(&in) })
		if len(app.Ports) == 0 {
			fmt.Fprintf(&b, "%s\t \t", app.ID.Flat())
			for i := range instances {
				fmt.Fprintf(&b, "%s\t", address(&instances[i]))
			}
			b.WriteByte('\n')
			continue
		}
		for i, p := range app.Ports {
			fmt.Fprintf(&b, "%s\t%d\t", app.ID.Flat(), p.Service)
			for k := range instances {
				in := &instances[k]
				switch {
				case i < len(in.Ports) && in.Ports[i] > 0:
					fmt.Fprintf(&b, "%s:%d\t", address(in), in.Ports[i])
				case in.IP != "" && p.Container > 0 && onNetwork(app, networks):
					fmt.Fprintf(&b, "%s:%d\t", in.IP, p.Container)
				}
			}
			b.WriteByte('\n')
		}
	}
	d.constants(w.Header())
	w.Header().Set("Content-Type", "text/plain")
	_, err := w.Write([]byte(b.String()))
	_ = err // the client is gone: nothing to do
	return nil
}

func onNetwork(app *apps.App, wanted []string) bool {
	return app.Network == apps.NetworkContainer &&
		(slices.Contains(wanted, "*") || slices.ContainsFunc(app.Networks, func(n string) bool { return slices.Contains(wanted, n) }))
}

// taskIDs are the forms that Marathon's task ids have had.
var taskIDs = regexp.MustCompile(`^(.+)\.(instance-|marathon-)([^_.]+)[._]([^.]+)(\.\d+)?$|^(.+)([._])([^_.]+)(\.)(\d+)$|^(.+)([._])([^_.]+)$`)

// A killing is what the query says about how tasks are to go.
type killing struct{ scale, wipe, force bool }

func killingOf(r *http.Request) (k killing, err error) {
	if k.scale, err = flag(r, "scale", false); err != nil {
		return k, err
	}
	if k.wipe, err = flag(r, "wipe", false); err != nil {
		return k, err
	}
	if k.force, err = flag(r, "force", false); err != nil {
		return k, err
	}
	if k.scale && k.wipe {
		return k, apps.Errorf(apps.Malformed, "You cannot use scale and wipe at the same time.")
	}
	return k, nil
}

func (d *door) deleteTasks(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	how, err := killingOf(r)
	if err != nil {
		return err
	}
	var body wire.TaskIDs
	if err := read(w, r, &body); err != nil {
		return err
	}
	var victims []apps.Instance
	for _, id := range body.IDs {
		if !taskIDs.MatchString(id) {
			return apps.Errorf(apps.Malformed, "Invalid task id '%s'. [Expected the form app.instance-uuid._app.1]", id)
		}
		if in, ok := v.Instance(apps.InstanceOfTask(id)); ok && !in.App.OfRun() {
			victims = append(victims, in)
		}
	}
	return d.kill(w, r, v, victims, how, func(tasks []wire.Task) any { return wire.Tasks{Tasks: tasks} })
}

func (d *door) deleteAppTasks(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		how, err := killingOf(r)
		if err != nil {
			return err
		}
		app, ok := v.App(appID(path))
		if !ok {
			return noApp(appID(path))
		}
		host := r.URL.Query().Get("host")
		var victims []apps.Instance
		for _, in := range v.InstancesOf(app.ID) {
			if host == "" || host == "*" || in.Host == host || address(&in) == host {
				victims = append(victims, in)
			}
		}
		return d.kill(w, r, v, victims, how, func(tasks []wire.Task) any { return wire.Tasks{Tasks: tasks} })
	}
}

func (d *door) deleteAppTask(path []string, id string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		how, err := killingOf(r)
		if err != nil {
			return err
		}
		in, known := v.Instance(apps.InstanceOfTask(id))
		app, ok := v.App(appID(path))
		if !ok && known {
			// go-marathon takes the app from the task's id as it was up to Marathon 1.7: all
			// before the last dot. The task itself says whose it is.
			app, ok = v.App(in.App)
		}
		if !ok {
			return noApp(appID(path))
		}
		if !known || in.App != app.ID || !launched(&in) {
			return apps.Errorf(apps.NotFound, "Task '%s' does not exist", id)
		}
		return d.kill(w, r, v, []apps.Instance{in}, how, func(tasks []wire.Task) any {
			if len(tasks) == 0 { // it was on its way out already
				tasks = []wire.Task{task(&in, app, v)}
			}
			return wire.OneTask{Task: tasks[0]}
		})
	}
}

// kill asks for instances to go: with scale for good, else to be replaced. The
// answer has those that were asked to go, in the state they had.
func (d *door) kill(w http.ResponseWriter, r *http.Request, v *lookup, victims []apps.Instance, how killing, body func([]wire.Task) any) error {
	if how.scale {
		return d.scaleDown(w, r, victims, how)
	}
	k := cluster.Kill{Wipe: how.wipe, Key: keyIn(r)}
	for _, in := range victims {
		if launched(&in) {
			k.Instances = append(k.Instances, in.ID)
		}
	}
	reply, err := d.submit(r, func(request string) cluster.Event {
		k.Request = request
		return k
	})
	if err != nil {
		return err
	}
	return d.ok(w, body(v.killedTasks(reply.Instances)))
}

// killedTasks are instances of apps that were killed, as tasks.
func (l *lookup) killedTasks(killed []apps.Instance) []wire.Task {
	tasks := []wire.Task{}
	for _, in := range killed {
		app, _ := l.App(in.App)
		tasks = append(tasks, task(&in, app, l))
	}
	return tasks
}

// scaleDown takes from each app as many instances as are named and still live, and
// names them as the victims.
func (d *door) scaleDown(w http.ResponseWriter, r *http.Request, victims []apps.Instance, how killing) error {
	c := cluster.Change{Force: how.force}
	less, seen := map[apps.ID]int{}, map[string]bool{}
	for _, in := range victims {
		if in.State >= apps.Draining || seen[in.ID] {
			continue
		}
		seen[in.ID] = true
		c.Kill = append(c.Kill, in.ID)
		if less[in.App]++; less[in.App] > 1 {
			continue
		}
		c.Edit = append(c.Edit, cluster.EditApp{App: in.App, Edit: func(old *apps.App) (*apps.App, error) {
			next := *old
			next.Instances = max(old.Instances-less[in.App], 0)
			return &next, nil
		}})
	}
	reply, err := d.change(r, c)
	if err != nil {
		return err
	}
	return d.started(w, http.StatusOK, reply)
}
