package client

import (
	"context"
	"net/http"

	"pacer/api/wire"
)

// Pods lists how all pods do.
func (c *Client) Pods(ctx context.Context) (all []wire.PodStatus, err error) {
	return all, c.get(ctx, "/v2/pods/::status", nil, &all)
}

// Pod is how a pod does.
func (c *Client) Pod(ctx context.Context, id string) (s wire.PodStatus, err error) {
	return s, c.get(ctx, path("/v2/pods", id)+"::status", nil, &s)
}

// PutPod changes a pod, or creates it. body is its whole definition as JSON text ([]byte)
// or a wire.Pod.
func (c *Client) PutPod(ctx context.Context, id string, body any, force bool) (Result, error) {
	r, err := c.writePod(ctx, http.MethodPut, path("/v2/pods", id), body, force)
	if !IsNotFound(err) {
		return r, err
	}
	r, err = c.writePod(ctx, http.MethodPost, "/v2/pods", body, force)
	r.Created = err == nil
	return r, err
}

// DeletePod deletes a pod.
func (c *Client) DeletePod(ctx context.Context, id string, force bool) (Result, error) {
	return c.writePod(ctx, http.MethodDelete, path("/v2/pods", id), nil, force)
}

func (c *Client) writePod(ctx context.Context, method, at string, body any, force bool) (r Result, err error) {
	var pod wire.Pod
	var into any = &pod
	if method == http.MethodDelete { // its answer has no body
		into = nil
	}
	header, _, err := c.do(ctx, method, at, flags("force", force), body, into)
	if err != nil {
		return r, err
	}
	r.DeploymentID, r.Warning = header.Get("Marathon-Deployment-Id"), warning(header)
	if pod.Version != nil {
		r.Version = *pod.Version
	}
	return r, nil
}
