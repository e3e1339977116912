package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"pacer/api/wire"
)

// An AppFilter narrows a list of apps; empty fields do not.
type AppFilter struct {
	Cmd   string // part of the command
	ID    string // part of the id
	Label string // a selector: key, key==v, key!=v, key in (a,b), key notin (a,b)
	Embed []string
}

// Apps lists apps, ordered by id.
func (c *Client) Apps(ctx context.Context, f AppFilter) ([]wire.AppInfo, error) {
	q := url.Values{"embed": f.Embed}
	for name, v := range map[string]string{"cmd": f.Cmd, "id": f.ID, "label": f.Label} {
		if v != "" {
			q.Set(name, v)
		}
	}
	var out wire.Apps
	err := c.get(ctx, "/v2/apps", q, &out)
	return out.Apps, err
}

// App is one app with its tasks, counts, deployments and last failure.
func (c *Client) App(ctx context.Context, id string, embed ...string) (wire.AppInfo, error) {
	var out wire.OneApp
	err := c.get(ctx, path("/v2/apps", id), url.Values{"embed": embed}, &out)
	return out.App, err
}

// Failures are up to limit (at most 20; 0: 20) ends of an app's instances that nobody
// asked for, newest first, with what they printed and answered last.
func (c *Client) Failures(ctx context.Context, id string, limit int) ([]wire.Failure, error) {
	var out wire.FailureList
	err := c.get(ctx, path("/pacer/v1/apps", id, "failures"), limited(limit), &out)
	return out.Failures, err
}

// Explain says why an app is not as it should be, and what would help.
func (c *Client) Explain(ctx context.Context, id string) (wire.Explanation, error) {
	var out wire.Explanation
	err := c.get(ctx, path("/pacer/v1/apps", id, "explain"), nil, &out)
	return out, err
}

// CreateApp creates an app that must not exist. body is JSON text ([]byte) or a wire.App.
func (c *Client) CreateApp(ctx context.Context, body any) (wire.AppInfo, Result, error) {
	var app wire.AppInfo
	header, _, err := c.do(ctx, http.MethodPost, "/v2/apps", nil, body, &app)
	if err != nil {
		return wire.AppInfo{}, Result{}, err
	}
	r := Result{Created: true, Warning: warning(header)}
	r.DeploymentID = header.Get("Marathon-Deployment-Id")
	if app.Version != nil {
		r.Version = *app.Version
	}
	return app, r, nil
}

// PutOptions say how an app is changed.
type PutOptions struct {
	Force bool // cancel deployments that hold the app
	Whole bool // body is a complete definition; otherwise what it does not say stays
	// Rollback: when the deployment cannot succeed it fails by itself, and another one
	// goes back to the specs before.
	Rollback bool
	// IfVersion: the app must still have this version, or the change is refused (412);
	// empty: whatever it has.
	IfVersion string
}

func (o PutOptions) query() url.Values {
	q := flags("force", o.Force)
	if o.Rollback {
		q.Set("rollback", "auto")
	}
	if o.Whole {
		q.Set("partialUpdate", "false")
	}
	return q
}

// PutApp changes an app, or creates it. body is JSON text ([]byte) or a wire.App.
func (c *Client) PutApp(ctx context.Context, id string, body any, o PutOptions) (Result, error) {
	return c.change(withIfMatch(ctx, o.IfVersion), http.MethodPut, path("/v2/apps", id), o.query(), body)
}

// PutApps changes or creates several apps in one deployment. body is JSON text of a
// list ([]byte) or a []wire.App.
func (c *Client) PutApps(ctx context.Context, body any, o PutOptions) (Result, error) {
	return c.change(ctx, http.MethodPut, "/v2/apps", o.query(), body)
}

// PatchApp changes an app that must exist.
func (c *Client) PatchApp(ctx context.Context, id string, body any, force bool) (Result, error) {
	return c.change(ctx, http.MethodPatch, path("/v2/apps", id), flags("force", force), body)
}

// ScaleApp sets the number of instances.
func (c *Client) ScaleApp(ctx context.Context, id string, instances int, force bool) (Result, error) {
	return c.PatchApp(ctx, id, wire.App{Instances: &instances}, force)
}

// RollbackApp returns to a version of the app.
func (c *Client) RollbackApp(ctx context.Context, id, version string, force bool) (Result, error) {
	return c.PatchApp(ctx, id, wire.App{Version: &version}, force)
}

// RestartApp replaces every instance.
func (c *Client) RestartApp(ctx context.Context, id string, force bool) (Result, error) {
	return c.change(ctx, http.MethodPost, path("/v2/apps", id, "restart"), flags("force", force), nil)
}

// DeleteApp deletes an app. Without force it is refused while a deployment holds it.
func (c *Client) DeleteApp(ctx context.Context, id string, force bool) (Result, error) {
	return c.change(ctx, http.MethodDelete, path("/v2/apps", id), url.Values{"force": {strconv.FormatBool(force)}}, nil)
}

// Versions are the kept versions of an app, newest first.
func (c *Client) Versions(ctx context.Context, id string) ([]string, error) {
	var out wire.Versions
	err := c.get(ctx, path("/v2/apps", id, "versions"), nil, &out)
	return out.Versions, err
}

// AppVersion is an app as it was at a version.
func (c *Client) AppVersion(ctx context.Context, id, version string) (wire.App, error) {
	var out wire.App
	err := c.get(ctx, path("/v2/apps", id, "versions", version), nil, &out)
	return out, err
}

// Tasks are the tasks of all apps; states narrows them to running and staging ones.
func (c *Client) Tasks(ctx context.Context, states ...string) ([]wire.Task, error) {
	var out wire.Tasks
	err := c.get(ctx, "/v2/tasks", url.Values{"status": states}, &out)
	return out.Tasks, err
}

// AppTasks are the tasks of an app.
func (c *Client) AppTasks(ctx context.Context, id string) ([]wire.Task, error) {
	var out wire.Tasks
	err := c.get(ctx, path("/v2/apps", id, "tasks"), nil, &out)
	return out.Tasks, err
}

// EndedTasks are up to limit (at most 1,000; 0: 100) instances that are gone, newest
// first: of an app, or of all where id is empty.
func (c *Client) EndedTasks(ctx context.Context, id string, limit int) ([]wire.EndedTask, error) {
	q := url.Values{}
	if id != "" {
		q.Set("app", id)
	}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	var out wire.EndedTasks
	err := c.get(ctx, "/pacer/v1/tasks", q, &out)
	return out.Tasks, err
}

// KillTasks stops tasks, which are replaced; with wipe their persistent volumes are
// deleted. It returns those that are being stopped.
func (c *Client) KillTasks(ctx context.Context, wipe bool, ids ...string) ([]wire.Task, error) {
	var out wire.Tasks
	_, _, err := c.do(ctx, http.MethodPost, "/v2/tasks/delete", flags("wipe", wipe), wire.TaskIDs{IDs: ids}, &out)
	return out.Tasks, err
}

// KillTasksAndScale stops tasks and has their apps smaller by as many instances.
func (c *Client) KillTasksAndScale(ctx context.Context, force bool, ids ...string) (Result, error) {
	return c.change(ctx, http.MethodPost, "/v2/tasks/delete", flags("scale", true, "force", force), wire.TaskIDs{IDs: ids})
}

// Group is a folder of apps; "/" is all.
func (c *Client) Group(ctx context.Context, id string, embed ...string) (wire.GroupInfo, error) {
	var out wire.GroupInfo
	err := c.get(ctx, path("/v2/groups", id), url.Values{"embed": embed}, &out)
	return out, err
}

// GroupVersions are the kept versions of a group, newest first.
func (c *Client) GroupVersions(ctx context.Context, id string) ([]string, error) {
	var out []string
	err := c.get(ctx, path("/v2/groups", id, "versions"), nil, &out)
	return out, err
}

// CreateGroup makes a group that must not be there yet.
func (c *Client) CreateGroup(ctx context.Context, id string, body wire.GroupUpdate, o PutOptions) (Result, error) {
	o.Whole = false
	return c.change(ctx, http.MethodPost, path("/v2/groups", id), o.query(), body)
}

// PutGroup changes or creates a group. body is JSON text ([]byte) or a wire.GroupUpdate.
func (c *Client) PutGroup(ctx context.Context, id string, body any, o PutOptions) (Result, error) {
	o.Whole = false // a group has no partial form
	return c.change(ctx, http.MethodPut, path("/v2/groups", id), o.query(), body)
}

// DeleteGroup deletes a group with all that is in and below it.
func (c *Client) DeleteGroup(ctx context.Context, id string, force bool) (Result, error) {
	return c.change(ctx, http.MethodDelete, path("/v2/groups", id), flags("force", force), nil)
}
