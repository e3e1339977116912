package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"pacer/api/client"
	"pacer/api/wire"
)

func eventCommand(f *clientFlags) *cobra.Command {
	var o client.EventOptions
	follow := f.verb("follow", "Print events as they come, until interrupted", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		o.Resume = o.After > 0
		return quietly(ctx, true, s.FollowEvents(ctx, o, s.event))
	})
	follow.Long = `Print events as they come, until interrupted. Where the connection breaks it is made
again, and nothing is missed. With -o json or jsonl each event is one line, as the
server sends it; with -o yaml each is a document.`
	follow.Flags().StringSliceVar(&o.Types, "type", nil, "only these event types, comma-separated")
	follow.Flags().Uint64Var(&o.After, "after", 0, "begin after the event of this number, in the past")
	return noun("event", "What happens", follow)
}

func (s *session) event(e wire.Event) error {
	var err error
	switch s.format {
	case "json", "jsonl":
		_, err = fmt.Fprintf(s.out, "%s\n", e.Data)
	case "yaml":
		if _, err = fmt.Fprintln(s.out, "---"); err == nil {
			err = s.show(e.Data)
		}
	default:
		_, err = fmt.Fprintln(s.out, eventLine(e))
	}
	return err
}

// eventLine is an event for people: when, what, and of whom.
func eventLine(e wire.Event) string {
	var f struct {
		Timestamp      string
		AppID          string `json:"appId"`
		RunSpecID      string `json:"runSpecId"`
		GroupID        string `json:"groupId"`
		ID             string
		InstanceID     string `json:"instanceId"`
		TaskID         string `json:"taskId"`
		TaskStatus     string `json:"taskStatus"`
		Condition      string
		Alive, Healthy *bool
		SlaveID        string `json:"slaveId"`
		AgentID        string `json:"agentId"`
		Host           string
		URI            string `json:"uri"`
		Plan           struct{ ID string }
		Message        string
		Reason         string
	}
	_ = json.Unmarshal(e.Data, &f) // of another form: only its type is told
	line := []string{f.Timestamp, e.Type}
	add := func(format string, values ...string) {
		for _, v := range values {
			if v != "" {
				line = append(line, fmt.Sprintf(format, v))
				return
			}
		}
	}
	add("%s", f.AppID, f.RunSpecID, f.GroupID)
	add("%s", f.InstanceID, f.TaskID)
	add("%s", f.TaskStatus, f.Condition)
	for _, verdict := range []*bool{f.Alive, f.Healthy} {
		if verdict != nil {
			line = append(line, map[bool]string{true: "healthy", false: "unhealthy"}[*verdict])
			break
		}
	}
	add("on %s", f.SlaveID, f.AgentID, f.Host)
	add("deployment %s", f.ID, f.Plan.ID)
	add("%s", f.URI)
	add("(%s)", f.Message, f.Reason)
	return strings.Join(line, "  ")
}
