package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pacer/api/client"
	"pacer/api/wire"
	"pacer/apps"
)

const (
	importMax   = 256 << 20 // bytes of an answer of the other server
	importWait  = time.Minute
	importParts = 8 << 20 // bytes of apps that one request carries; more are sent in parts
)

func importCommand(f *clientFlags) *cobra.Command {
	return noun("import", "Copy what another platform runs", importMarathon(f))
}

// An importing is one call of pacer import marathon.
type importing struct {
	dryRun    bool
	suspended bool
	force     bool
	token     string
	user      string // NAME:PASSWORD
	wait      bool
	timeout   time.Duration
}

func importMarathon(f *clientFlags) *cobra.Command {
	var im importing
	cmd := f.verb("marathon URL", "Copy all apps, groups and pods of a running Marathon", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		return im.run(ctx, s, args[0])
	})
	cmd.Long = `Copy all apps, groups and pods of a running Marathon, or of another Pacer, to this
server. Nothing is changed there. What is here under the same id becomes as it is
there; what is only here stays.

Each app, pod and group is tried first, and what cannot run here is refused with the reason
and left out; the exit code is 1 then. With --dry-run that is all that happens. With
--suspended all of it has no instances; the report says how many there are there, and
the same again without the flag starts them.`
	p := cmd.Flags()
	p.BoolVar(&im.dryRun, "dry-run", false, "only tell what would be done")
	p.BoolVar(&im.suspended, "suspended", false, "copy the definitions, and run nothing yet")
	p.BoolVar(&im.force, "force", false, "cancel deployments that hold the apps")
	p.StringVar(&im.token, "from-token", "", "token to sign in there with, of DC/OS as token=TOKEN; rather set PACER_FROM_TOKEN, which other users of this machine cannot see")
	p.StringVar(&im.user, "from-user", "", "NAME:PASSWORD to sign in there with; rather set PACER_FROM_USER")
	p.BoolVar(&im.wait, "wait", false, "wait until the deployment has ended")
	p.DurationVar(&im.timeout, "timeout", defaultTimeout, "how long to wait")
	return cmd
}

// An imported is what came of one app, pod or group.
type imported struct {
	Kind      string   `json:"kind"` // app, pod or group
	ID        string   `json:"id"`
	Result    string   `json:"result"` // imported, accepted (of a dry run) or refused
	Instances int      `json:"instances"`
	Ignored   []string `json:"ignored,omitzero"` // fields that nobody knows
	Reason    string   `json:"reason,omitzero"`  // why it is refused

	body     json.RawMessage
	enforces bool // a group that enforces its role
}

// A foreignGroup is a group as the other server tells it; what it holds is not read
// yet.
type foreignGroup struct {
	ID           string            `json:"id"`
	Apps         []json.RawMessage `json:"apps"`
	Groups       []foreignGroup    `json:"groups"`
	Dependencies []string          `json:"dependencies"`
	EnforceRole  *bool             `json:"enforceRole"`
}

func (im *importing) run(ctx context.Context, s *session, from string) error {
	from = strings.TrimRight(from, "/")
	if at, err := url.Parse(from); err != nil || at.Host == "" {
		return usageError("%q is not the URL of a server: write http://HOST:PORT", from)
	}
	var root foreignGroup
	if err := im.fetch(ctx, from+"/v2/groups?embed=group.groups&embed=group.apps", &root); err != nil {
		return err
	}
	var pods []json.RawMessage
	if err := im.fetch(ctx, from+"/v2/pods", &pods); err != nil && !errors.As(err, new(*noSuchPage)) {
		return err
	}
	all, err := im.groups(&root)
	if err != nil {
		return err
	}
	members, err := im.collect(&root)
	if err != nil {
		return err
	}
	all = append(all, members...)
	for _, raw := range pods {
		item, err := im.pod(raw)
		if err != nil {
			return err
		}
		all = append(all, item)
	}
	s.say("%d apps, pods and groups were found at %s", len(all), from)
	for i := range all {
		if err := im.try(ctx, s, &all[i]); err != nil {
			return err
		}
	}
	var last client.Result
	if !im.dryRun {
		if last, err = im.apply(ctx, s, all); err != nil {
			return err
		}
	}
	if err := report(s, all); err != nil {
		return err
	}
	if im.wait && last.DeploymentID != "" {
		if err := s.wait(ctx, last.DeploymentID, follower{timeout: im.timeout}); err != nil {
			return err
		}
	}
	refused := 0
	for _, item := range all {
		if item.Result == "refused" {
			refused++
		}
	}
	if refused > 0 {
		return exitf(exitOther, "%d of %d were refused; the reasons are above", refused, len(all))
	}
	return nil
}

// A noSuchPage is a server that does not have what was asked for: an old one has no pods.
type noSuchPage struct{ url string }

func (e *noSuchPage) Error() string { return e.url + " is not there" }

// fetch reads JSON from the other server.
func (im *importing) fetch(ctx context.Context, from string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, importWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return usageError("%v", err)
	}
	req.Header.Set("Accept", "application/json")
	name, password, _ := strings.Cut(im.user, ":")
	switch {
	case im.token != "":
		req.Header.Set("Authorization", "Bearer "+im.token)
		if strings.HasPrefix(im.token, "token=") { // DC/OS's way
			req.Header.Set("Authorization", im.token)
		}
	case im.user != "":
		req.SetBasicAuth(name, password)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return exitf(exitUnreachable, "no answer from %s: %v", from, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, importMax+1))
	switch {
	case err != nil:
		return exitf(exitUnreachable, "%s broke off: %v", from, err)
	case len(body) > importMax:
		return exitf(exitOther, "%s answers more than %d MiB", from, importMax>>20)
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return &exitError{exitForbidden, fmt.Sprintf("%s does not let us in: %s", from, res.Status), "sign in there by PACER_FROM_TOKEN or PACER_FROM_USER"}
	case res.StatusCode == http.StatusNotFound:
		return &noSuchPage{from}
	case res.StatusCode != http.StatusOK:
		return exitf(exitOther, "%s answers %s", from, res.Status)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return exitf(exitOther, "%s is no Marathon: %v", from, err)
	}
	return nil
}

// collect gathers the apps of a group and those below.
func (im *importing) collect(g *foreignGroup) (all []imported, err error) {
	for _, raw := range g.Apps {
		item, err := im.app(raw)
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	for i := range g.Groups {
		below, err := im.collect(&g.Groups[i])
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}

// told are the fields of an app that say how it does, not what it is.
var told = []string{
	"version", "versionInfo", "tasks", "tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy", "deployments", "lastTaskFailure",
	"readinessCheckResults", "tasksStats", "taskStats", "uptime",
}

func (im *importing) app(raw json.RawMessage) (item imported, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return item, err
	}
	var own struct {
		ID        string
		Instances *int
	}
	if err := json.Unmarshal(raw, &own); err != nil {
		return item, err
	}
	for _, name := range told {
		delete(fields, name)
	}
	item = imported{Kind: "app", ID: own.ID, Instances: 1}
	if own.Instances != nil {
		item.Instances = *own.Instances
	}
	if im.suspended {
		fields["instances"] = json.RawMessage("0")
	}
	if item.body, err = json.Marshal(fields); err == nil {
		var app wire.App
		item.Ignored, _ = wire.Read(item.body, &app)
	}
	return item, err
}

func (im *importing) pod(raw json.RawMessage) (item imported, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return item, err
	}
	var own struct {
		ID      string
		Scaling struct{ Instances *int }
	}
	if err := json.Unmarshal(raw, &own); err != nil {
		return item, err
	}
	delete(fields, "version")
	item = imported{Kind: "pod", ID: own.ID, Instances: 1}
	if own.Scaling.Instances != nil {
		item.Instances = *own.Scaling.Instances
	}
	if im.suspended {
		fields["scaling"] = json.RawMessage(`{"kind":"fixed","instances":0}`)
	}
	if item.body, err = json.Marshal(fields); err == nil {
		var pod wire.Pod
		item.Ignored, _ = wire.Read(item.body, &pod)
	}
	return item, err
}

// try finds out whether an app, a pod or a group can be here: the server works out what it
// would do with an app; the others are held against the rules.
func (im *importing) try(ctx context.Context, s *session, item *imported) error {
	var err error
	switch item.Kind {
	case "app":
		_, err = s.Plan(ctx, item.body)
	case "group":
		err = tryGroup(item)
	default:
		var pod wire.Pod
		if _, err = wire.Read(item.body, &pod); err == nil {
			_, err = pod.Spec(wire.Settings{})
		}
	}
	return im.judge(item, err, "accepted")
}

// judge notes what came of an item; it fails where the server is at fault rather than
// the item.
func (im *importing) judge(item *imported, err error, good string) error {
	var refused *client.Error
	switch {
	case err == nil:
		item.Result = good
	case errors.As(err, &refused) && (refused.Status >= 500 || refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden):
		return err
	case errors.As(err, new(*client.Unreachable)):
		return err
	default:
		item.Result, item.Reason = "refused", reason(err)
	}
	return nil
}

// apply sends what was accepted: each group, the apps together, in one deployment, and each
// pod.
func (im *importing) apply(ctx context.Context, s *session, all []imported) (last client.Result, err error) {
	if err := im.putGroups(ctx, s, all); err != nil {
		return last, err
	}
	var part []*imported
	size := 0
	send := func() error {
		if len(part) == 0 {
			return nil
		}
		bodies := make([]json.RawMessage, len(part))
		for i, item := range part {
			bodies[i] = item.body
		}
		list, err := json.Marshal(bodies)
		if err != nil {
			return err
		}
		r, err := s.PutApps(ctx, list, client.PutOptions{Force: im.force, Whole: true})
		for _, item := range part {
			if e := im.judge(item, err, "imported"); e != nil {
				return e
			}
		}
		if err == nil {
			last = r
			s.say("deployment %s was started", r.DeploymentID)
		}
		part, size = nil, 0
		return nil
	}
	for i := range all {
		item := &all[i]
		if item.Kind != "app" || item.Result == "refused" {
			continue
		}
		if size+len(item.body) > importParts {
			if err := send(); err != nil {
				return last, err
			}
		}
		part, size = append(part, item), size+len(item.body)
	}
	if err := send(); err != nil {
		return last, err
	}
	for i := range all {
		item := &all[i]
		if item.Kind != "pod" || item.Result == "refused" {
			continue
		}
		r, err := s.PutPod(ctx, item.ID, item.body, im.force)
		if err := im.judge(item, err, "imported"); err != nil {
			return last, err
		}
		if err == nil {
			last = r
		}
	}
	return last, im.enforceRoles(ctx, s, all)
}

func reason(err error) string {
	text := err.Error()
	if own := (*apps.Error)(nil); errors.As(err, &own) {
		for _, f := range own.Details {
			text += "\n" + f.Path + ": " + strings.Join(f.Errors, "; ")
		}
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}

func report(s *session, all []imported) error {
	return print(s, map[string]any{"imported": all}, all, "KIND ID RESULT INSTANCES WHY", func(item imported) []any {
		why := item.Reason
		if len(item.Ignored) > 0 {
			why = strings.TrimPrefix(why+"; not known: "+strings.Join(item.Ignored, " "), "; ")
		}
		return []any{item.Kind, item.ID, item.Result, item.Instances, why}
	})
}
