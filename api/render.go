package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"pacer/api/wire"
	"pacer/apps"
)

// event is the JSON of an event: fields in Marathon's words.
type event map[string]any

// ownEvents is how the names of events begin that Marathon does not have.
const ownEvents = "pacer_"

// render writes a notice as Marathon's event. ok is false for a notice that nobody
// has an event for.
func render(n *apps.Notice, light bool) (e wire.Event, ok bool) {
	fill, ok := renderers[n.Type]
	if strings.HasPrefix(n.Type, ownEvents) {
		fill, ok = ownEvent, true
	}
	if !ok {
		return wire.Event{}, false
	}
	f := event{}
	fill(f, n, light)
	return newEvent(n.Seq, n.Type, n.At, f), true
}

func newEvent(seq uint64, eventType string, at time.Time, f event) wire.Event {
	f["eventType"], f["timestamp"] = eventType, stamp(at)
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(f); err != nil {
		panic(fmt.Sprintf("api: event %s does not marshal: %v", eventType, err))
	}
	return wire.Event{ID: seq, Type: eventType, Data: bytes.TrimSpace(buf.Bytes())}
}

// renderers are the events that Marathon's clients know, by eventType.
var renderers = map[string]func(event, *apps.Notice, bool){
	"api_post_event": func(f event, n *apps.Notice, _ bool) {
		f["clientIp"], f["uri"] = n.ClientIP, n.URI
		if n.Spec != nil {
			f["appDefinition"] = wire.FromSpec(n.Spec)
		}
	},
	"status_update_event": func(f event, n *apps.Notice, _ bool) {
		f.instance(n)
		delete(f, "instanceId")
		f["taskStatus"], f["message"] = n.Status, n.Message
		f["ipAddresses"], f["ports"] = []wire.IP{}, []int{}
		if n.Instance != nil {
			f["taskId"] = n.Instance.TaskID()
			if n.Container != "" {
				f["taskId"] = n.Instance.PartTaskID(n.Container)
			}
			f["ipAddresses"], f["ports"] = ipAddresses(n.Instance), hostPorts(n.Instance)
		}
	},
	"pod_created_event": podEvent, "pod_updated_event": podEvent, "pod_deleted_event": podEvent,
	"instance_changed_event": func(f event, n *apps.Notice, _ bool) {
		f.runSpec(n)
		f["condition"] = n.Status
		if n.Instance != nil {
			f["agentId"], f["host"] = n.Instance.Host, address(n.Instance)
		}
	},
	"instance_health_changed_event": func(f event, n *apps.Notice, _ bool) {
		f.runSpec(n)
		f["healthy"] = n.Healthy
	},
	"unknown_instance_terminated_event": func(f event, n *apps.Notice, _ bool) {
		f.runSpec(n)
		delete(f, "runSpecVersion")
		f["condition"] = n.Status
	},
	"add_health_check_event": func(f event, n *apps.Notice, _ bool) {
		f["appId"], f["version"] = string(n.App), n.Version.String()
		f.check(n)
	},
	"remove_health_check_event": func(f event, n *apps.Notice, _ bool) { f["appId"] = string(n.App) },
	"failed_health_check_event": func(f event, n *apps.Notice, _ bool) {
		f["appId"] = string(n.App)
		if n.Instance != nil {
			f["taskId"], f["instanceId"] = n.Instance.ID, n.Instance.ID
		}
		f.check(n)
	},
	"health_status_changed_event": func(f event, n *apps.Notice, _ bool) {
		f.instance(n)
		for _, name := range []string{"host", "slaveId"} {
			delete(f, name)
		}
		if n.Instance != nil { // some clients read the one, some the other
			f["taskId"] = n.Instance.TaskID()
		}
		f["alive"] = n.Healthy != nil && *n.Healthy
	},
	"unhealthy_instance_kill_event": func(f event, n *apps.Notice, _ bool) {
		f.instance(n)
		if n.Instance != nil {
			f["taskId"] = n.Instance.TaskID()
		}
		f["reason"] = n.Message
	},
	"group_change_success": group,
	"group_change_failed": func(f event, n *apps.Notice, light bool) {
		group(f, n, light)
		f["reason"] = n.Message
	},
	"deployment_info":         deployment,
	"deployment_step_success": deployment,
	"deployment_step_failure": deployment,
	"deployment_success":      deploymentEnd,
	"deployment_failed": func(f event, n *apps.Notice, light bool) {
		deploymentEnd(f, n, light)
		f["reason"] = n.Message
	},
	streamAttached: presenceEvent, streamDetached: presenceEvent,
	"subscribe_event": callbackEvent, "unsubscribe_event": callbackEvent,
	"app_terminated_event": func(f event, n *apps.Notice, _ bool) { f["appId"] = string(n.App) },
}

func callbackEvent(f event, n *apps.Notice, _ bool) {
	f["clientIp"], f["callbackUrl"] = n.ClientIP, n.Message
}

func podEvent(f event, n *apps.Notice, _ bool) { f["clientIp"], f["uri"] = n.ClientIP, n.URI }

// ownEvent writes an event of Pacer's own: something about a host.
func ownEvent(f event, n *apps.Notice, _ bool) {
	f["message"] = n.Message
	if n.Host != "" {
		f["host"] = n.Host
	}
	if n.Job != "" {
		jobEvent(f, n)
		return
	}
	if n.App != "" {
		f["appId"] = string(n.App)
	}
}

// instance adds what most events of an instance have.
func (f event) instance(n *apps.Notice) {
	f["appId"], f["version"] = string(n.App), n.Version.String()
	if in := n.Instance; in != nil {
		f["appId"], f["version"] = string(in.App), in.Version.String()
		f["instanceId"], f["host"], f["slaveId"] = in.ID, address(in), in.Host
	}
}

// runSpec adds the same in the words of the younger events.
func (f event) runSpec(n *apps.Notice) {
	f["runSpecId"], f["runSpecVersion"] = string(n.App), n.Version.String()
	if in := n.Instance; in != nil {
		f["instanceId"], f["runSpecId"], f["runSpecVersion"] = in.ID, string(in.App), in.Version.String()
	}
}

func (f event) check(n *apps.Notice) {
	if n.Check != nil {
		f["healthCheck"] = wire.FromCheck(*n.Check)
	}
}

func group(f event, n *apps.Notice, _ bool) {
	id := n.App
	if id == "" {
		id = "/"
	}
	f["groupId"], f["version"] = string(id), n.Version.String()
}

func deployment(f event, n *apps.Notice, light bool) {
	d := n.Deployment
	if d == nil {
		d = &apps.Deployment{}
	}
	f["plan"] = plan(d, light)
	current := wire.Step{Actions: []wire.Action{}}
	if d.Step < len(d.Steps) {
		current.Actions = actions(d.Steps[d.Step])
	}
	f["currentStep"] = current
}

func deploymentEnd(f event, n *apps.Notice, light bool) {
	if d := n.Deployment; d != nil {
		f["id"], f["plan"] = d.ID, plan(d, light)
	}
}

// plan is a deployment in an event. Marathon puts the whole tree in before and
// after; clients insist on the keys and never look inside, so they get an empty
// group unless they ask for the light form.
func plan(d *apps.Deployment, light bool) wire.Plan {
	p := wire.Plan{ID: d.ID, Steps: steps(d), Version: d.Version.String()}
	if !light {
		empty := wire.GroupUpdate{
			ID: "/", Apps: []wire.App{}, Groups: []wire.GroupUpdate{}, Pods: []json.RawMessage{}, Dependencies: []string{},
			Version: new(d.Version.String()),
		}
		p.Original, p.Target = &empty, &empty
	}
	return p
}
