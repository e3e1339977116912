package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// An httpError is an answer that has no apps.Kind: it is about HTTP alone.
type httpError struct {
	status  int
	message string
}

func (e *httpError) Error() string { return e.message }

func notFoundURI(r *http.Request) error {
	return &httpError{http.StatusNotFound, "URI not found: " + r.URL.EscapedPath()}
}

// statuses is the one table of kind and HTTP status; client reads it backwards.
var statuses = map[apps.Kind]int{
	apps.Internal:    http.StatusInternalServerError,
	apps.Malformed:   http.StatusBadRequest,
	apps.Invalid:     http.StatusUnprocessableEntity,
	apps.NotFound:    http.StatusNotFound,
	apps.Conflict:    http.StatusConflict,
	apps.Unavailable: http.StatusServiceUnavailable,
	apps.Forbidden:   http.StatusForbidden,
	apps.Stale:       http.StatusPreconditionFailed,
}

// refuse turns an error into an answer with Marathon's body.
func (d *door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, body := http.StatusInternalServerError, wire.Error{}
	var (
		user    *apps.Error
		about   *httpError
		tooLong *http.MaxBytesError
	)
	switch {
	case r.Context().Err() != nil && errors.Is(err, context.Canceled):
		return // nobody listens any more
	case errors.As(err, &tooLong):
		status = http.StatusRequestEntityTooLarge
		body.Message = fmt.Sprintf("The body is larger than %d MiB", bodyMax>>20)
	case errors.As(err, &about):
		status, body.Message = about.status, about.message
	case errors.As(err, &user) && user.Kind != apps.Internal:
		status, body.Message = statuses[user.Kind], user.Message
		body.Details = details(user)
		for _, id := range user.Deployments {
			body.Deployments = append(body.Deployments, wire.Ref{ID: id})
		}
	case errors.Is(err, context.DeadlineExceeded):
		status = http.StatusServiceUnavailable
		body.Message = "The answer took too long. A change may still take effect: look before you try again."
	default:
		d.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
		body.Message = "Something went wrong on the server; its log says what"
	}
	d.writeJSON(w, status, body)
}

func details(e *apps.Error) json.RawMessage {
	var v any
	switch {
	case len(e.Details) > 0:
		v = e.Details
	case e.Kind == apps.Malformed && e.Err != nil:
		v = e.Err.Error()
	default:
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

// writeJSON answers with v. The headers are Marathon's constants.
func (d *door) writeJSON(w http.ResponseWriter, status int, v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		d.Log.Error("answer cannot be encoded", "type", fmt.Sprintf("%T", v), "err", err)
		status = http.StatusInternalServerError
		buf.Reset()
		buf.WriteString(`{"message":"Something went wrong on the server; its log says what"}`)
	}
	h := w.Header()
	d.constants(h)
	h.Set("Content-Type", "application/json")
	if status == http.StatusOK && notModified(w, tagOf(buf.Bytes())) {
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // the client is gone: nothing to do
}

func (d *door) constants(h http.Header) {
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "0")
	if l, ok := d.Deployer.Leader(); ok && h.Get("X-Marathon-Leader") == "" {
		h.Set("X-Marathon-Leader", l.URL)
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-XSS-Protection", "1; mode=block")
	}
}

func (d *door) ok(w http.ResponseWriter, v any) error {
	d.writeJSON(w, http.StatusOK, v)
	return nil
}

// started answers a change with the deployment it started.
func (d *door) started(w http.ResponseWriter, status int, reply cluster.Reply) error {
	w.Header().Set("Marathon-Deployment-Id", reply.Deployment)
	d.writeJSON(w, status, wire.DeploymentResult{Version: reply.Version.String(), DeploymentID: reply.Deployment})
	return nil
}

// mountedAt marks a request that came in below /service/marathon.
const mountedAt = "X-Pacer-Mounted-At"

// location sets where what was made is, against the server's root (Marathon's way:
// not below /v2/apps).
func location(w http.ResponseWriter, r *http.Request, id apps.ID) {
	scheme := "http"
	if r.TLS != nil || r.Header.Get(passedOn) != "" && r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	prefix := ""
	if r.Header.Get(mountedAt) != "" {
		prefix = "/service/marathon"
	}
	w.Header().Set("Location", scheme+"://"+r.Host+prefix+string(id))
}

// read reads the JSON body of a request. Names that Marathon does not know are
// accepted, as Marathon does; a Warning header tells of them.
func read(w http.ResponseWriter, r *http.Request, v any) error {
	if kind := r.Header.Get("Content-Type"); kind != "" {
		media, _, err := mime.ParseMediaType(kind)
		if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
			return &httpError{http.StatusUnsupportedMediaType, "The body must be JSON: send it with 'Content-Type: application/json'"}
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			return err
		}
		return &httpError{http.StatusBadRequest, "The body could not be read"}
	}
	unknown, err := wire.Read(body, v)
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		w.Header().Set("Warning", `299 - `+strconv.Quote("unknown fields ignored: "+strings.Join(unknown[:min(len(unknown), 20)], ", ")))
	}
	return nil
}

// flag is a boolean of the query. Anything but true and false is refused.
func flag(r *http.Request, name string, otherwise bool) (bool, error) {
	switch v := r.URL.Query().Get(name); strings.ToLower(v) {
	case "":
		return otherwise, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, apps.Errorf(apps.Invalid, "%s must be true or false, not %q", name, v)
	}
}

// submit asks the deployer, for as long as a change may take.
func (d *door) submit(r *http.Request, newEvent func(request string) cluster.Event) (cluster.Reply, error) {
	ctx, cancel := context.WithTimeout(r.Context(), d.Answer)
	defer cancel()
	reply, err := d.Deployer.Submit(ctx, newEvent)
	if err == nil {
		err = reply.Err
	}
	return reply, err
}

// guarded is the outermost: it bounds bodies, and turns a panic into an answer
// without its dump, which goes to the log.
func (d *door) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, bodyMax)
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			d.Log.Error("request panicked", "method", r.Method, "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
			d.writeJSON(w, http.StatusInternalServerError, wire.Error{Message: "Something went wrong on the server; its log says what"})
		}()
		next.ServeHTTP(w, r)
	})
}
