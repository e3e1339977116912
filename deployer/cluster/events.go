package cluster

import (
	"time"

	"pacer/apps"
	"pacer/deployer/placement"
)

// An Event is a fact: one thing that happened outside. Facts are one type each.
type Event interface{ event() }

type (
	// Change asks for apps to become as written. It is one deployment, and all of
	// it is accepted or none. Version fields of the apps in Put are ignored.
	Change struct {
		Request    string    // who waits for the Reply
		Deployment string    // UUID for the deployment, made by the caller
		Put        []PutApp  // new or changed apps, complete
		Edit       []EditApp // changes to apps as they are when the change is folded
		Delete     []apps.ID // each must exist
		Restart    []apps.ID // each must exist; every instance is replaced
		Kill       []string  // instances to be the victims of a scale-down in Edit
		Force      bool      // cancel the deployments that hold these apps
		Rollback   bool      // go back by itself when it cannot succeed; an app can ask for it by the label PACER_ROLLBACK=auto
		ClientIP   string    // for the notice
		URI        string    // for the notice
		By         string    // who asked, for the history; empty: ClientIP
		Match      []Match   // or nothing is changed
		Key        *Key      // of a request that may come again; nil: it has none
		Created    apps.ID   // what is made by it, for the answer to come again

		PutGroups  []PutGroup
		DropGroups []apps.ID // each must exist; with all that is in it and below. Of "/" all goes, but not itself
	}

	// Kill asks for instances to be stopped; their app replaces them. Unknown ids
	// are skipped.
	Kill struct {
		Request   string
		Instances []string
		Wipe      bool // their persistent volumes go too
		Key       *Key // of a request that may come again; nil: it has none
	}

	// Wipe gives claims up that no instance holds: their data is deleted.
	Wipe struct {
		Request string
		Claims  []string
	}

	// Cancel ends a running deployment: with Revert by a new deployment, of id
	// Deployment, back to the specs before; without, by leaving all as it is.
	Cancel struct {
		Request    string
		ID         string
		Revert     bool
		Deployment string
		ClientIP   string // for the history
		Key        *Key   // of a request that may come again; nil: it has none
	}

	// ResetDelay forgets the backoff of an app.
	ResetDelay struct {
		Request string
		App     apps.ID
	}

	// Cordon sets whether a host gets new instances.
	Cordon struct {
		Request string
		Host    string
		On      bool
	}

	// Drain has everything on a host moved away, within the capacity rules of each
	// app, and nothing new come; or, not On, lets it take part again.
	Drain struct {
		Request string
		Host    string
		On      bool
	}

	// Forget removes a host that is lost and will not come back.
	Forget struct {
		Request string
		Host    string
		Wipe    bool // though it has persistent volumes
	}

	// Reported is a host saying what it runs.
	Reported struct{ apps.Report }

	// Left is an agent or its connection saying goodbye: the host is silent from now,
	// unless a newer agent than that of Boot was heard.
	Left struct {
		Host string
		Boot int64
	}

	// Served is a load balancer saying what it serves.
	Served struct{ apps.Serving }
)

// PutApp is one app of a Change, as a user wrote it.
type PutApp struct {
	App *apps.App
	// New: the app must not exist yet. Otherwise it may or may not.
	New bool
}

// EditApp changes an app as it is at that moment, so that two people who change
// different fields at once both get their way.
type EditApp struct {
	App apps.ID // must exist
	// Edit returns the changed spec; it must not modify its argument, and may
	// refuse with an *apps.Error. It runs inside the loop: it must be quick and pure.
	Edit func(*apps.App) (*apps.App, error)
}

func (Change) event()     {}
func (Kill) event()       {}
func (Wipe) event()       {}
func (Cancel) event()     {}
func (ResetDelay) event() {}
func (Cordon) event()     {}
func (Drain) event()      {}
func (Forget) event()     {}
func (Reported) event()   {}
func (Left) event()       {}
func (Served) event()     {}

// Effects is what must happen because of one Step, in this order:
//
//  1. commit Save in one transaction. If that fails, perform nothing else and
//     stop: what is stored is the truth, and the next leader starts from it;
//  2. then, in any order: Reply, Assign, Serve, Roster, Tell, Waits.
//
// Everything in 2 may be lost or repeated without harm.
type Effects struct {
	Save   Changes
	Reply  []Reply           // to requests that wait
	Assign []apps.Assignment // to hosts
	Serve  []apps.Service    // to load balancers and DNS
	Roster *apps.Roster      // to load balancers: what there is
	Waits  []Wait            // why instances wait, where that changed
}

// Empty reports whether there is nothing to perform.
func (fx *Effects) Empty() bool {
	return fx.Save.Empty() && len(fx.Reply) == 0 && len(fx.Assign) == 0 && len(fx.Serve) == 0 &&
		fx.Roster == nil && len(fx.Waits) == 0
}

// Changes is what one Step altered, ready to be stored: complete rows, each at
// most once (apps and groups: each version of them). What was removed and made again in the step is not on its list of what is
// gone, unless its rows go after that (jobs, callbacks, answers).
type Changes struct {
	Apps        []*apps.App       // accepted: each is the app's present version, and a version to keep
	GoneApps    []apps.ID         // deleted, with all their versions
	Groups      []*apps.Group     // made, changed or deleted, in this order: each is a version to keep
	Instances   []*apps.Instance  // made or changed; they are not changed later
	Finished    []apps.Finished   // gone: to be moved to the history
	Evidence    []apps.Evidence   // of instances that failed, for the history
	Deployments []apps.Deployment // started, advanced or ended (State says which)
	Hosts       []apps.Host       // new or changed
	GoneHosts   []string
	Jobs        []*apps.Job // new or changed, with what their schedules have come to
	GoneJobs    []apps.JobID
	Runs        []apps.Run   // made, changed or ended (State says which)
	GoneRuns    []string     // fallen out of the history
	Claims      []apps.Claim // new or changed
	GoneClaims  []string
	Roles       []apps.Role // set
	GoneRoles   []string
	// Callbacks come after GoneCallbacks: one may go and come again.
	Callbacks     []apps.Callback
	GoneCallbacks []string
	Settings      *apps.Settings // set; nil: they are as they were
	Answers       []apps.Answer  // after GoneAnswers: a key may be used anew
	GoneAnswers   []string
	Notices       Notices // the first follows the last stored one
	Serial        uint64  // of the newest instance; 0 where it did not change
}

// Empty reports whether there is nothing to store.
func (c *Changes) Empty() bool {
	return len(c.Apps) == 0 && len(c.GoneApps) == 0 && len(c.Groups) == 0 && len(c.Instances) == 0 && len(c.Finished) == 0 &&
		len(c.Evidence) == 0 && len(c.Jobs) == 0 && len(c.GoneJobs) == 0 && len(c.Runs) == 0 && len(c.GoneRuns) == 0 &&
		len(c.Claims) == 0 && len(c.GoneClaims) == 0 && len(c.Roles) == 0 && len(c.GoneRoles) == 0 && len(c.Callbacks) == 0 && len(c.GoneCallbacks) == 0 && c.Settings == nil &&
		len(c.Answers) == 0 && len(c.GoneAnswers) == 0 &&
		len(c.Deployments) == 0 && len(c.Hosts) == 0 && len(c.GoneHosts) == 0 && c.Notices.Len() == 0 && c.Serial == 0
}

// Stored is all that a leader starts from.
type Stored struct {
	Cluster     uint64      // random, made with the store: part of instance ids
	Serial      uint64      // of the newest instance
	Seq         uint64      // of the newest notice
	Apps        []*apps.App // the present version of each
	Groups      []*apps.Group
	GroupsAt    apps.Version // the newest that any group ever had, those that are gone too
	Specs       []*apps.App  // other versions that Instances have
	Instances   []apps.Instance
	Deployments []apps.Deployment // running ones, oldest first
	Hosts       []apps.Host
	Jobs        []*apps.Job
	Runs        []apps.Run // active ones, whose apps are among Apps, and the history of each job
	Claims      []apps.Claim
	Roles       []apps.Role
	Settings    apps.Settings
	Callbacks   []apps.Callback
	Answers     []apps.Answer // oldest first

	DeploymentsMax int // running at once; not stored: whoever loads sets it; 0: 100, Marathon's default
	LaunchesMax    int // made, and placed, in one step; not stored either; 0: 20,000
}

// A Reply answers the request of that name; a nil Err is yes.
type Reply struct {
	Request    string
	Err        error
	Answer     *apps.Answer    // it was answered before, and nothing is changed
	Deployment string          // the deployment that was started
	Version    apps.Version    // of that deployment
	Apps       []*apps.App     // as accepted, in the order of Change.Put, then Edit, then Restart
	Instances  []apps.Instance // Kill: those that are being stopped, as they were
	Job        *apps.Job       // as it is now, or, dropped, was
	Run        *apps.Run       // as it was started, or is being stopped
	Decisions  []placement.Decision
	Rebalanced *Rebalanced
}

// A Wait says why the instances of an app that have no host yet wait.
type Wait struct {
	App     apps.ID
	Waiting int          // 0: none waits any more
	Placing int          // of them, those that nothing is decided about yet: the next steps do, which follow at once
	Since   time.Time    // the oldest of them; zero: none of them is made yet
	Until   time.Time    // backing off until then; zero: not
	Hosts   int          // hosts that were considered
	Reasons []WaitReason // they add up to Hosts
	Hint    string       // what would make them fit: "lower mem to ≤ 300 MiB, or add a host with …"
}

// A WaitReason is how many hosts refused for one reason.
type WaitReason struct {
	Reason string // Marathon's word: InsufficientCpus, UnfulfilledConstraint, …
	Text   string // for people: "too little memory (needs 512 MiB, most free 300)"
	Hosts  int
	Names  []string // of the first of them, in order; at most placement.NamesMax
}
