// Package client talks to a Pacer server: Marathon's REST v2, its event stream, and
// what is Pacer's own. It is what the command line is made of.
//
// Every method fails with an *Error where the server refused, and with an
// *Unreachable where no server answered. Methods are safe for many goroutines.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pacer/api/wire"
)

// answerMax bounds what is read of an answer that is not a stream.
const answerMax = 256 << 20

// A Client talks to one server, which passes on to the leader what it must.
type Client struct {
	Token string       // sent as a bearer token; empty: none
	HTTP  *http.Client // how requests are made

	server string // without a slash at its end
}

// New makes a client of the server at a URL like http://127.0.0.1:8080.
func New(server string) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not the address of a server: write a URL like http://127.0.0.1:8080", server)
	}
	return &Client{
		server: strings.TrimRight(server, "/"),
		HTTP: &http.Client{Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: time.Minute,
			IdleConnTimeout:       time.Minute,
		}},
	}, nil
}

// Server is the URL the client talks to.
func (c *Client) Server() string { return c.server }

// An Error is a server's refusal.
type Error struct {
	Status      int    // of HTTP
	Message     string // for people
	Details     []wire.FieldErrors
	Text        string   // details that are a text: what is wrong with the JSON
	Deployments []string // that hold a lock (409)
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	for _, f := range e.Details {
		fmt.Fprintf(&b, "\n  %s: %s", f.Path, strings.Join(f.Errors, "; "))
	}
	if len(e.Deployments) > 0 {
		b.WriteString(" (held by deployment " + strings.Join(e.Deployments, ", ") + ")")
	}
	return b.String()
}

// IsNotFound reports whether err says that something does not exist.
func IsNotFound(err error) bool { return status(err) == http.StatusNotFound }

// IsConflict reports whether err says that a deployment holds the app, or that its
// name is taken.
func IsConflict(err error) bool { return status(err) == http.StatusConflict }

func status(err error) int {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// An Unreachable is a server that did not answer.
type Unreachable struct {
	Server string
	Err    error
}

func (e *Unreachable) Error() string { return fmt.Sprintf("no answer from %s: %v", e.Server, e.Err) }

func (e *Unreachable) Unwrap() error { return e.Err }

// passing reports whether err may be gone at the next try: no answer, no leader.
func passing(err error) bool {
	if errors.As(err, new(*Unreachable)) {
		return true
	}
	s := status(err)
	return s == http.StatusBadGateway || s == http.StatusServiceUnavailable
}

// A Result is the deployment that a change started.
type Result struct {
	wire.DeploymentResult
	Created bool   // the app was not there before
	Warning string // fields that the server does not know, if any
}

// path joins a prefix, an id and a suffix: path("/v2/apps", "/a/b", "tasks").
func path(prefix string, id string, suffix ...string) string {
	var b strings.Builder
	b.WriteString(prefix)
	for _, el := range strings.FieldsFunc(id, func(r rune) bool { return r == '/' }) {
		b.WriteString("/" + url.PathEscape(el))
	}
	for _, el := range suffix {
		b.WriteString("/" + url.PathEscape(el))
	}
	return b.String()
}

type ifMatch struct{}

// withIfMatch has the request of ctx made for one version only.
func withIfMatch(ctx context.Context, version string) context.Context {
	return context.WithValue(ctx, ifMatch{}, version)
}

// request makes a request; body is JSON text, anything that becomes JSON, or nil.
func (c *Client) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, error) {
	var r io.Reader
	if body != nil {
		b, raw := body.([]byte)
		if !raw {
			var err error
			if b, err = json.Marshal(body); err != nil {
				return nil, fmt.Errorf("encode the request: %w", err)
			}
		}
		r = bytes.NewReader(b)
	}
	target := c.server + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, r)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if version, _ := ctx.Value(ifMatch{}).(string); version != "" {
		req.Header.Set("If-Match", `"`+version+`"`)
	}
	req.Header.Set("Accept", "application/json")
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	return req, nil
}

// send sends a request; an answer that is no success is an *Error.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	res, err := c.HTTP.Do(req)
	if err != nil {
		if ctxErr := context.Cause(req.Context()); ctxErr != nil {
			return nil, ctxErr
		}
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // it would repeat the address
		}
		return nil, &Unreachable{Server: c.server, Err: err}
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		defer res.Body.Close()
		return nil, refusal(res)
	}
	return res, nil
}

func refusal(res *http.Response) error {
	e := &Error{Status: res.StatusCode}
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20)) // what there is of it
	var w wire.Error
	if json.Unmarshal(body, &w) == nil {
		e.Message = w.Message
	}
	if len(w.Details) > 0 && json.Unmarshal(w.Details, &e.Details) != nil {
		_ = json.Unmarshal(w.Details, &e.Text) // else it is of no known form
	}
	for _, ref := range w.Deployments {
		e.Deployments = append(e.Deployments, ref.ID)
	}
	if e.Message == "" {
		e.Message = "the server answered " + res.Status
	}
	return e
}

// do makes a request and decodes its answer into out, if there is one to decode.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body, out any) (http.Header, int, error) {
	req, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return nil, 0, err
	}
	res, err := c.send(req)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, answerMax))
	if err != nil {
		if ctxErr := context.Cause(ctx); ctxErr != nil {
			return nil, 0, ctxErr
		}
		return nil, 0, &Unreachable{Server: c.server, Err: fmt.Errorf("read the answer: %w", err)}
	}
	if out == nil || len(b) == 0 {
		return res.Header, res.StatusCode, nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return nil, 0, fmt.Errorf("%s answered %s %s with something else than expected: %w", c.server, method, path, err)
	}
	return res.Header, res.StatusCode, nil
}

func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	_, _, err := c.do(ctx, http.MethodGet, path, query, nil, out)
	return err
}

// change makes a request that starts a deployment.
func (c *Client) change(ctx context.Context, method, path string, query url.Values, body any) (Result, error) {
	var r Result
	header, status, err := c.do(ctx, method, path, query, body, &r.DeploymentResult)
	if err != nil {
		return Result{}, err
	}
	r.Created = status == http.StatusCreated
	r.Warning = warning(header)
	if r.DeploymentID == "" { // some answers have it in the header only
		r.DeploymentID = header.Get("Marathon-Deployment-Id")
	}
	return r, nil
}

// warning is the text of a Warning header (RFC 7234: code agent "text").
func warning(h http.Header) string {
	_, text, _ := strings.Cut(h.Get("Warning"), `"`)
	if plain, err := strconv.Unquote(`"` + text); err == nil {
		return plain
	}
	return text
}

func flags(pairs ...any) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if on := pairs[i+1].(bool); on {
			q.Set(pairs[i].(string), "true")
		}
	}
	return q
}
