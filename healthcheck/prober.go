package healthcheck

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"pacer/apps"
)

const (
	probesMax      = 256      // at once; Marathon 1.8 has the same limit
	bodyMax        = 64 << 10 // bytes of a body that are read, for politeness
	timeoutDefault = 20 * time.Second
)

// CauseMax is the longest Cause of an Answer, in bytes; BodyMax is its longest Body.
const (
	CauseMax = 512
	BodyMax  = 1 << 10
)

// ErrUnasked is what an Exec wraps when the engine could not put the question:
// that says nothing about the instance.
var ErrUnasked = errors.New("the engine could not be asked")

// An Exec runs a shell command in the container of an instance and returns its
// exit code and some of what it printed.
type Exec func(ctx context.Context, instance, command string) (code int, output string, err error)

// A Prober puts questions to instances, at most 256 at once; more wait their turn.
// Any number of goroutines may use it.
type Prober struct {
	exec  Exec
	slots chan struct{}
	http  *http.Client
}

// NewProber is a Prober whose COMMAND checks run through exec.
func NewProber(exec Exec) *Prober {
	return &Prober{
		exec:  exec,
		slots: make(chan struct{}, probesMax),
		http: &http.Client{
			// Marathon: redirects are an answer, not followed; certificates are not verified.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				TLSClientConfig:        &tls.Config{InsecureSkipVerify: true},
				DisableKeepAlives:      true, // a kept connection would hide that nobody listens any more
				DisableCompression:     true,
				MaxResponseHeaderBytes: 64 << 10,
			},
		},
	}
}

// Check puts the question of c to t. It answers within the check's timeout, not
// counting the wait for its turn. When ctx ends the answer is ignored.
func (p *Prober) Check(ctx context.Context, t Target, c apps.Check) Answer {
	return p.ask(ctx, c.Timeout, func(ctx context.Context) Answer {
		if c.Protocol == "COMMAND" {
			instance := t.Instance
			if c.Container != "" {
				instance = apps.PartID(instance, c.Container)
			}
			return p.command(ctx, instance, c.Command)
		}
		addr, err := t.of(c)
		if err != nil {
			return Answer{Cause: err.Error()}
		}
		switch strings.TrimPrefix(c.Protocol, "MESOS_") {
		case "HTTP":
			return p.get(ctx, "http://"+addr, c.Path, c.IgnoreHTTP1xx, healthy)
		case "HTTPS":
			return p.get(ctx, "https://"+addr, c.Path, c.IgnoreHTTP1xx, healthy)
		case "TCP":
			return connect(ctx, addr)
		default:
			return Answer{Cause: fmt.Sprintf("%q is no protocol of a health check", c.Protocol)}
		}
	})
}

// Ready puts the readiness question of r to t: a GET that must answer one of the
// status codes of r (200 where it names none).
func (p *Prober) Ready(ctx context.Context, t Target, r apps.ReadyCheck) Answer {
	return p.ask(ctx, r.Timeout, func(ctx context.Context) Answer {
		addr, err := t.ofReady(r)
		if err != nil {
			return Answer{Cause: err.Error()}
		}
		scheme := "http://"
		if r.Protocol == "HTTPS" {
			scheme = "https://"
		}
		return p.get(ctx, scheme+addr, r.Path, false, func(status int) bool {
			return slices.Contains(r.StatusCodes, status) || len(r.StatusCodes) == 0 && status == http.StatusOK
		})
	})
}

func (p *Prober) ask(ctx context.Context, timeout time.Duration, question func(context.Context) Answer) Answer {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return Answer{Ignore: true, Cause: context.Cause(ctx).Error()}
	}
	if timeout <= 0 {
		timeout = timeoutDefault
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	asked := time.Now()
	a := question(limited)
	a.Took = time.Since(asked)
	switch {
	case a.OK:
	case ctx.Err() != nil:
		a = Answer{Ignore: true, Cause: context.Cause(ctx).Error()}
	case limited.Err() != nil && !a.Ignore:
		a.Cause = fmt.Sprintf("no answer within %v", timeout)
	}
	a.Cause, a.Body, a.ContentType = clip(a.Cause, CauseMax), clip(a.Body, BodyMax), clip(a.ContentType, CauseMax)
	return a
}

// healthy is Marathon's rule for the status of an HTTP check.
func healthy(status int) bool { return status >= 200 && status < 400 }

func (p *Prober) get(ctx context.Context, base, path string, ignore1xx bool, ok func(status int) bool) Answer {
	var informed atomic.Bool // a 1xx came; the transport swallows all but 101
	trace := &httptrace.ClientTrace{Got1xxResponse: func(int, textproto.MIMEHeader) error {
		informed.Store(true)
		return nil
	}}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodGet, base+path, nil)
	if err != nil {
		return Answer{Cause: fmt.Sprintf("%q is no path to ask: %v", path, inner(err))}
	}
	req.Header.Set("User-Agent", "pacer-healthcheck")
	req.Header.Set("Accept", "*/*")
	resp, err := p.http.Do(req)
	if err != nil {
		return Answer{Ignore: ignore1xx && informed.Load(), Cause: inner(err).Error()}
	}
	defer resp.Body.Close()
	// The status is the answer: a body that is long or breaks off changes nothing.
	var body []byte
	if resp.StatusCode != http.StatusSwitchingProtocols {
		body, _ = io.ReadAll(io.LimitReader(resp.Body, BodyMax))
		_, _ = io.CopyN(io.Discard, resp.Body, bodyMax)
	}
	if ok(resp.StatusCode) {
		return Answer{OK: true, Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Body: string(body)}
	}
	return Answer{
		Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Body: string(body),
		Ignore: ignore1xx && resp.StatusCode < 200,
		Cause:  fmt.Sprintf("HTTP status %d from GET %s", resp.StatusCode, path),
	}
}

func connect(ctx context.Context, addr string) Answer {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return Answer{Cause: inner(err).Error()}
	}
	_ = conn.Close() // it stood, which is all that was asked
	return Answer{OK: true}
}

func (p *Prober) command(ctx context.Context, instance, command string) Answer {
	code, output, err := p.exec(ctx, instance, command)
	switch {
	case errors.Is(err, ErrUnasked):
		return Answer{Ignore: true, Cause: err.Error()}
	case err != nil:
		return Answer{Cause: err.Error()}
	case code == 0:
		return Answer{OK: true, Body: output}
	}
	cause := fmt.Sprintf("exit code %d", code)
	if line := strings.TrimSpace(output); line != "" {
		cause += ": " + line
	}
	return Answer{Cause: cause, Body: output, ExitCode: code}
}

// inner is the error without what the question already says: method, URL.
func inner(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// clip bounds a text and keeps it text.
func clip(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "")
}
