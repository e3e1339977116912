package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"pacer/api/wire"
)

// Deployments are the running deployments, oldest first.
func (c *Client) Deployments(ctx context.Context) ([]wire.Deployment, error) {
	var out []wire.Deployment
	err := c.get(ctx, "/v2/deployments", nil, &out)
	return out, err
}

// Deployment is a deployment that runs or has ended.
func (c *Client) Deployment(ctx context.Context, id string) (wire.DeploymentStatus, error) {
	var out wire.DeploymentStatus
	err := c.get(ctx, path("/pacer/v1/deployments", id), nil, &out)
	return out, err
}

// RunningDeployments are the running ones with what only Pacer says of them: whether they
// are paused, and what holds them up.
func (c *Client) RunningDeployments(ctx context.Context) ([]wire.DeploymentStatus, error) {
	var out wire.DeploymentList
	err := c.get(ctx, "/pacer/v1/deployments", url.Values{"state": {"running"}}, &out)
	return out.Deployments, err
}

// DeploymentHistory is up to limit (at most 1000) deployments that have ended, newest
// first; 0: the newest 100.
func (c *Client) DeploymentHistory(ctx context.Context, limit int) ([]wire.DeploymentStatus, error) {
	var out wire.DeploymentList
	err := c.get(ctx, "/pacer/v1/deployments", limited(limit), &out)
	return out.Deployments, err
}

// Routes are what load balancers send where: of an app, or of all where id is empty.
func (c *Client) Routes(ctx context.Context, id string) ([]wire.AppRoute, error) {
	q := url.Values{}
	if id != "" {
		q.Set("app", id)
	}
	var out wire.Routes
	err := c.get(ctx, "/pacer/v1/routes", q, &out)
	return out.Routes, err
}

// limited asks for so many; 0: for as many as the server likes.
func limited(n int) url.Values {
	if n == 0 {
		return nil
	}
	return url.Values{"limit": {strconv.Itoa(n)}}
}

// RevertDeployment turns a deployment back by a new one.
func (c *Client) RevertDeployment(ctx context.Context, id string) (Result, error) {
	return c.change(ctx, http.MethodDelete, path("/v2/deployments", id), nil, nil)
}

// CancelDeployment ends a deployment and leaves all as it is.
func (c *Client) CancelDeployment(ctx context.Context, id string) error {
	_, _, err := c.do(ctx, http.MethodDelete, path("/v2/deployments", id), flags("force", true), nil, nil)
	return err
}

// How long WaitDeployment bears with a server that does not answer.
const patience = time.Minute

// WaitDeployment waits until a deployment has ended and returns how. It calls
// progress, which may be nil, with what it sees on the way. It outlives changes of
// leader; a server that is silent for a minute, or the end of ctx, is an error.
func (c *Client) WaitDeployment(ctx context.Context, id string, progress func(wire.DeploymentStatus)) (wire.DeploymentStatus, error) {
	pause := 50 * time.Millisecond
	answered := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return wire.DeploymentStatus{}, context.Cause(ctx)
		case <-timer.C:
		}
		d, err := c.Deployment(ctx, id)
		switch {
		case err == nil:
			answered = time.Now()
			if progress != nil {
				progress(d)
			}
			if d.Ended() {
				return d, nil
			}
		case !passing(err) || time.Since(answered) > patience:
			return wire.DeploymentStatus{}, err
		}
		timer.Reset(pause)
		pause = min(pause*3/2, time.Second)
	}
}

// Queue is the apps with instances still to launch, and why they wait.
func (c *Client) Queue(ctx context.Context) ([]wire.QueueItem, error) {
	var out wire.Queue
	err := c.get(ctx, "/v2/queue", nil, &out)
	return out.Queue, err
}

// ResetDelay forgets the backoff of an app.
func (c *Client) ResetDelay(ctx context.Context, id string) error {
	_, _, err := c.do(ctx, http.MethodDelete, path("/v2/queue", id, "delay"), nil, nil, nil)
	return err
}

// Info is Marathon's description of the server.
func (c *Client) Info(ctx context.Context) (wire.Info, error) {
	var out wire.Info
	err := c.get(ctx, "/v2/info", nil, &out)
	return out, err
}

// Leader is who leads.
func (c *Client) Leader(ctx context.Context) (wire.LeaderInfo, error) {
	var out wire.LeaderInfo
	err := c.get(ctx, "/pacer/v1/leader", nil, &out)
	return out, err
}

// Abdicate has the leader give up leadership.
func (c *Client) Abdicate(ctx context.Context) error {
	_, _, err := c.do(ctx, http.MethodDelete, "/v2/leader", nil, nil, nil)
	return err
}

// PauseDeployment holds a deployment where it is, or, not on, lets it go on.
func (c *Client) PauseDeployment(ctx context.Context, id string, on bool) (wire.DeploymentStatus, error) {
	verb := "resume"
	if on {
		verb = "pause"
	}
	var out wire.DeploymentStatus
	_, _, err := c.do(ctx, http.MethodPost, "/pacer/v1/deployments/"+url.PathEscape(id)+"/"+verb, nil, nil, &out)
	return out, err
}

// Hosts are the hosts, ordered by name.
func (c *Client) Hosts(ctx context.Context) ([]wire.Host, error) {
	var out wire.Hosts
	err := c.get(ctx, "/pacer/v1/hosts", nil, &out)
	return out.Hosts, err
}

// Host is one host.
func (c *Client) Host(ctx context.Context, name string) (wire.Host, error) {
	var out wire.Host
	err := c.get(ctx, "/pacer/v1/hosts/"+url.PathEscape(name), nil, &out)
	return out, err
}

// Cordon sets whether a host gets new instances.
func (c *Client) Cordon(ctx context.Context, name string, on bool) (wire.Host, error) {
	var out wire.Host
	_, _, err := c.do(ctx, http.MethodPut, "/pacer/v1/hosts/"+url.PathEscape(name), nil, wire.HostUpdate{Cordoned: &on}, &out)
	return out, err
}

// Drain has everything on a host moved away, or lets it take part again.
func (c *Client) Drain(ctx context.Context, name string, on bool) (wire.Host, error) {
	var out wire.Host
	_, _, err := c.do(ctx, http.MethodPut, "/pacer/v1/hosts/"+url.PathEscape(name), nil, wire.HostUpdate{Draining: &on}, &out)
	return out, err
}

// ForgetHost removes a host that is lost and will not come back; with wipe though
// there are persistent volumes on it.
func (c *Client) ForgetHost(ctx context.Context, name string, wipe bool) error {
	_, _, err := c.do(ctx, http.MethodDelete, "/pacer/v1/hosts/"+url.PathEscape(name), flags("wipe", wipe), nil, nil)
	return err
}

// Volumes are the persistent volumes of all apps.
func (c *Client) Volumes(ctx context.Context) ([]wire.VolumeSet, error) {
	var out wire.Volumes
	err := c.get(ctx, "/pacer/v1/volumes", nil, &out)
	return out.Volumes, err
}

// WipeVolume deletes the data of volumes that no instance uses.
func (c *Client) WipeVolume(ctx context.Context, id string) error {
	_, _, err := c.do(ctx, http.MethodDelete, "/pacer/v1/volumes/"+url.PathEscape(id), nil, nil, nil)
	return err
}

// Discover tells where an app answers.
func (c *Client) Discover(ctx context.Context, id string) (wire.Discovered, error) {
	var out wire.Discovered
	err := c.get(ctx, path("/pacer/v1/discovery", id), nil, &out)
	return out, err
}

// Ping reports whether the server answers at all.
func (c *Client) Ping(ctx context.Context) error { return c.get(ctx, "/ping", nil, nil) }

// Ready reports, by an error, why the platform cannot be used through the server yet.
func (c *Client) Ready(ctx context.Context) error { return c.get(ctx, "/health/ready", nil, nil) }

// Plan works out what applying a body would do: an app, a list of apps or a group, as
// JSON. Nothing changes.
func (c *Client) Plan(ctx context.Context, body []byte) (wire.Forecast, error) {
	var out wire.Forecast
	_, _, err := c.do(ctx, http.MethodPost, "/pacer/v1/plan", nil, json.RawMessage(body), &out)
	return out, err
}

// Roles are how the cluster is shared now.
func (c *Client) Roles(ctx context.Context) (wire.Roles, error) {
	var out wire.Roles
	err := c.get(ctx, "/pacer/v1/roles", nil, &out)
	return out, err
}

// Role is one role, with what it was set to before.
func (c *Client) Role(ctx context.Context, name string) (wire.RoleDetail, error) {
	var out wire.RoleDetail
	err := c.get(ctx, "/pacer/v1/roles/"+url.PathEscape(name), nil, &out)
	return out, err
}

// SetRole sets all of a role: what is absent is as if it was never set.
func (c *Client) SetRole(ctx context.Context, name string, to wire.RoleUpdate) (wire.RoleDetail, error) {
	var out wire.RoleDetail
	_, _, err := c.do(ctx, http.MethodPut, "/pacer/v1/roles/"+url.PathEscape(name), nil, to, &out)
	return out, err
}

// ForgetRole has a role treated as if it was never set.
func (c *Client) ForgetRole(ctx context.Context, name string) error {
	_, _, err := c.do(ctx, http.MethodDelete, "/pacer/v1/roles/"+url.PathEscape(name), nil, nil, nil)
	return err
}

// Decisions say why instances of an app are where they are, the oldest first.
func (c *Client) Decisions(ctx context.Context, id string) ([]wire.Decision, error) {
	var out wire.Decisions
	err := c.get(ctx, path("/pacer/v1/apps", id)+"/decisions", nil, &out)
	return out.Decisions, err
}
