package api

import (
	"net/http"
	"strings"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// again gives the answer that the request had the first time, in the form that its
// resource has.
func (d *door) again(w http.ResponseWriter, r *http.Request, reply cluster.Reply) error {
	w.Header().Set("Idempotency-Replayed", "true")
	path := r.URL.Path
	switch {
	case reply.Run != nil:
		return d.tellRun(w, http.StatusCreated, reply.Run)
	case reply.Deployment == "":
		return d.killedAgain(w, r, reply)
	case strings.HasPrefix(path, "/v2/pods") && r.Method == http.MethodDelete:
		d.podGoes(w, reply)
		return nil
	case strings.HasPrefix(path, "/v2/pods"):
		return d.podAgain(w, r, reply)
	case strings.HasPrefix(path, "/v2/deployments/"):
		if force, _ := flag(r, "force", false); force {
			d.constants(w.Header())
			w.WriteHeader(http.StatusAccepted)
			return nil
		}
	}
	status := http.StatusOK
	if id := reply.Answer.Created; id != "" {
		status = http.StatusCreated
		location(w, r, id)
		if r.Method == http.MethodPost && len(rest(r, "/v2/apps")) == 0 && len(reply.Apps) > 0 {
			w.Header().Set("Marathon-Deployment-Id", reply.Deployment)
			d.writeJSON(w, status, created(reply.Apps[0], reply))
			return nil
		}
	}
	return d.started(w, status, reply)
}

// killedAgain tells whom a request has killed: tasks of apps, or instances of a pod, in a
// list unless the path names one.
func (d *door) killedAgain(w http.ResponseWriter, r *http.Request, reply cluster.Reply) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	path := strings.TrimSuffix(r.URL.Path, "/")
	if strings.HasPrefix(path, "/v2/pods") {
		list := []wire.PodInstance{}
		for _, in := range reply.Instances {
			p, err := v.pod(in.App)
			if err != nil {
				return err
			}
			list = append(list, v.killed(&in, p))
		}
		if !strings.HasSuffix(path, "::instances") && len(list) > 0 {
			return d.ok(w, list[0])
		}
		return d.ok(w, list)
	}
	tasks := v.killedTasks(reply.Instances)
	if !strings.HasPrefix(path, "/v2/apps/") || strings.HasSuffix(path, "/tasks") {
		return d.ok(w, wire.Tasks{Tasks: tasks})
	}
	id := path[strings.LastIndexByte(path, '/')+1:]
	if in, ok := v.Instance(apps.InstanceOfTask(id)); ok && len(tasks) == 0 { // it was on its way out already
		tasks = v.killedTasks([]apps.Instance{in})
	}
	if len(tasks) == 0 {
		return apps.Errorf(apps.NotFound, "Task '%s' does not exist", id)
	}
	return d.ok(w, wire.OneTask{Task: tasks[0]})
}

// podAgain answers with the pod in the version that the request gave it, while that
// version is kept.
func (d *door) podAgain(w http.ResponseWriter, r *http.Request, reply cluster.Reply) error {
	status, id := http.StatusOK, appID(rest(r, "/v2/pods"))
	if made := reply.Answer.Created; made != "" {
		status, id = http.StatusCreated, made
		location(w, r, id)
	}
	v, err := d.view()
	if err != nil {
		return err
	}
	pod, err := v.pod(id)
	if err != nil || pod.Version != reply.Version {
		if pod, err = d.Reader.AppVersion(r.Context(), id, reply.Version); err != nil || pod.Pod == nil {
			return apps.Errorf(apps.NotFound, "Pod '%s' does not exist in version %s any more", id, reply.Version)
		}
	}
	w.Header().Set("Marathon-Deployment-Id", reply.Deployment)
	d.writeJSON(w, status, wire.FromPod(pod))
	return nil
}
