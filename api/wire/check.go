package wire

import "pacer/apps"

// An AppCheck asks an instance something whose answer is told with its task; nothing
// follows from it.
type AppCheck struct {
	HTTP            *AppHTTPCheck `json:"http,omitzero"`
	TCP             *AppTCPCheck  `json:"tcp,omitzero"`
	Exec            *PodExecCheck `json:"exec,omitzero"`
	IntervalSeconds *int          `json:"intervalSeconds,omitzero" rule:"min=0"`
	TimeoutSeconds  *int          `json:"timeoutSeconds,omitzero" rule:"min=0"`
	DelaySeconds    *int          `json:"delaySeconds,omitzero" rule:"min=0"`
}

// An AppHTTPCheck is answered by a status code.
type AppHTTPCheck struct {
	PortIndex *int    `json:"portIndex,omitzero" rule:"min=0 max=65535"`
	Path      *string `json:"path,omitzero"`
	Scheme    *string `json:"scheme,omitzero" rule:"enum=HTTP|HTTPS"`
}

// An AppTCPCheck is answered by whether a connection is taken.
type AppTCPCheck struct {
	PortIndex *int `json:"portIndex,omitzero" rule:"min=0 max=65535"`
}

// A CheckResult is the last answer to a check, of the same kind.
type CheckResult struct {
	HTTP    *HTTPCheckResult    `json:"http,omitzero"`
	TCP     *TCPCheckResult     `json:"tcp,omitzero"`
	Command *CommandCheckResult `json:"command,omitzero"`
}

// An HTTPCheckResult has no code where nothing answered.
type HTTPCheckResult struct {
	StatusCode int `json:"statusCode,omitzero"`
}

// A TCPCheckResult tells whether a connection was taken.
type TCPCheckResult struct {
	Succeeded bool `json:"succeeded"`
}

// A CommandCheckResult tells how the command ended.
type CommandCheckResult struct {
	ExitCode int `json:"exitCode"`
}

// A ReadinessResponse is the last answer to a readiness check.
type ReadinessResponse struct {
	Status      int    `json:"status"`
	ContentType string `json:"contentType"`
	Body        string `json:"body"` // at most 1 KiB
}

func (c *AppCheck) check(ports int, f *faults) {
	if c == nil {
		return
	}
	kinds := 0
	for _, there := range []bool{c.HTTP != nil, c.TCP != nil, c.Exec != nil} {
		if there {
			kinds++
		}
	}
	if kinds != 1 {
		f.fail("/check", "expected exactly one check kind: http, tcp or exec")
		return
	}
	if c.Exec != nil {
		if (value(c.Exec.Command.Shell, "") == "") == (len(c.Exec.Command.Argv) == 0) {
			f.fail("/check/exec/command", "must be one of shell and argv")
		}
		return
	}
	if c.port() >= ports {
		f.fail("/check", "Health check port indices must address an element of the ports array or container port mappings.")
	}
}

func (c *AppCheck) port() int {
	if c.HTTP != nil {
		return value(c.HTTP.PortIndex, 0)
	}
	return value(c.TCP.PortIndex, 0)
}

func (c *AppCheck) spec() *apps.Gauge {
	if c == nil {
		return nil
	}
	g := &apps.Gauge{
		Interval: seconds(new(value(c.IntervalSeconds, 60))), Timeout: seconds(new(value(c.TimeoutSeconds, 20))), Delay: seconds(new(value(c.DelaySeconds, 15))),
	}
	switch {
	case c.HTTP != nil:
		g.Protocol, g.Path, g.PortIndex = value(c.HTTP.Scheme, "HTTP"), value(c.HTTP.Path, ""), c.port()
	case c.TCP != nil:
		g.Protocol, g.PortIndex = "TCP", c.port()
	case len(c.Exec.Command.Argv) > 0:
		g.Protocol, g.Command = "COMMAND", quoteAll(c.Exec.Command.Argv)
	default:
		g.Protocol, g.Command = "COMMAND", value(c.Exec.Command.Shell, "")
	}
	return g
}

func fromGauge(g *apps.Gauge) *AppCheck {
	if g == nil {
		return nil
	}
	c := &AppCheck{IntervalSeconds: inSeconds(g.Interval), TimeoutSeconds: inSeconds(g.Timeout), DelaySeconds: inSeconds(g.Delay)}
	switch g.Protocol {
	case "COMMAND":
		c.Exec = &PodExecCheck{Command: PodCommand{Shell: new(g.Command)}}
	case "TCP":
		c.TCP = &AppTCPCheck{PortIndex: new(g.PortIndex)}
	default:
		c.HTTP = &AppHTTPCheck{PortIndex: new(g.PortIndex), Path: optional(g.Path), Scheme: new(g.Protocol)}
	}
	return c
}

// FromReading writes the last answer to a check; nil: the app has none.
func FromReading(g *apps.Gauge, r *apps.Reading) *CheckResult {
	if g == nil {
		return nil
	}
	switch g.Protocol {
	case "COMMAND":
		return &CheckResult{Command: &CommandCheckResult{ExitCode: r.ExitCode}}
	case "TCP":
		return &CheckResult{TCP: &TCPCheckResult{Succeeded: r.Open}}
	}
	return &CheckResult{HTTP: &HTTPCheckResult{StatusCode: r.Status}}
}

// FromReadyAnswer writes the last answer to a readiness check; nil: it is not kept.
func FromReadyAnswer(a *apps.ReadyAnswer) *ReadinessResponse {
	if a == nil {
		return nil
	}
	return &ReadinessResponse{Status: a.Status, ContentType: a.ContentType, Body: a.Body}
}
