package deployer

import (
	"context"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// SKETCH of what api may call (the bodies come in the next commits).

// Deployer is the event loop.
type Deployer struct{}

// Submit puts a request into the loop and waits for its reply. newEvent gets the
// name under which the reply will come. It fails with an *apps.Error: the loop's
// answer, or Unavailable when this server does not lead or the inbox is full.
func (d *Deployer) Submit(ctx context.Context, newEvent func(request string) cluster.Event) (cluster.Reply, error) {
	panic("sketch")
}

// View is what is committed, for readers; nil when this server does not lead.
func (d *Deployer) View() *View { panic("sketch") }

// Leader is who leads; ok is false while nobody is known to.
func (d *Deployer) Leader() (l Leader, ok bool) { panic("sketch") }

// Abdicate gives up leadership; the next leader may be this server again.
func (d *Deployer) Abdicate() bool { panic("sketch") }

// Subscribe delivers every notice committed from now on, in order, until cancel is
// called. A subscriber that falls more than 1,024 notices behind is cut off: its
// channel is closed.
func (d *Deployer) Subscribe() (notices <-chan apps.Notice, cancel func()) { panic("sketch") }

// A Leader is the server that leads.
type Leader struct {
	Name  string
	URL   string // of its API, like http://10.0.0.1:8080
	Epoch uint64
	Self  bool
}

// A View is the committed state of the cluster, for any number of readers at once.
// What it returns must not be modified.
type View struct{}

func (v *View) App(id apps.ID) (*apps.App, bool)             { panic("sketch") }
func (v *View) Apps() []*apps.App                            { panic("sketch") } // ordered by id
func (v *View) InstancesOf(id apps.ID) []apps.Instance       { panic("sketch") } // ordered by serial
func (v *View) Instance(id string) (apps.Instance, bool)     { panic("sketch") }
func (v *View) Deployments() []apps.Deployment               { panic("sketch") } // running, oldest first
func (v *View) DeploymentsOf(id apps.ID) []string            { panic("sketch") } // ids of running ones that affect the app
func (v *View) Deployment(id string) (apps.Deployment, bool) { panic("sketch") } // also recently ended ones (last 1,000)
func (v *View) Hosts() []apps.Host                           { panic("sketch") } // ordered by name
func (v *View) Wait(id apps.ID) (cluster.Wait, bool)         { panic("sketch") }
func (v *View) Waits() []cluster.Wait                        { panic("sketch") } // ordered by app
func (v *View) LastFailure(id apps.ID) (apps.Finished, bool) { panic("sketch") }
func (v *View) Services() []apps.Service                     { panic("sketch") } // ordered by app
