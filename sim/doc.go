// Package sim lives a platform's months in minutes: the real deciders (cluster.State,
// agent.Host, lb.Follower) between pretend engines, a pretend store and a network
// that loses, doubles, delays and reorders, all in one goroutine and from one seed.
// One seed is one history, the same for ever.
//
// A history has two phases. First safety: which faults happen, and how often, is
// drawn anew for each seed (swarm testing), and the promises of the platform are
// checked at every step. Then everything heals, users fall silent, and within
// bounded time what was asked for must have come true: liveness.
//
// The promises are those of ARCHITECTURE.md; judge.go and promises.go hold the leaders'
// commits against them, engine.go, volumes.go and host.go what agents do, balancer.go
// the tables of balancers. The core's own books (cluster.State.Check) are recounted after
// every step that changes something.
//
// New is a small world: up to five hosts, three servers and three balancers, users who
// put, scale, restart, delete, kill, cancel and force apps and groups with dependencies,
// constraints and checks, and drain, cordon and forget hosts. NewWithJobs has jobs beside
// them, NewWithVolumes apps that keep data, NewWithManyHosts a hundred hosts, and
// NewWithPowers operators who pause deployments, rebalance, and divide the cluster among
// roles, with guarantees and preemption, clocks that leap, hosts that change what they
// have and are, disks and GPUs, and leaders that are deposed between a commit and its first word. NewWithGroups has users who make, change and delete
// groups, empty ones too. What is added rolls dice of its own or none, so
// that a seed of New stays the history it was.
//
// Live lives a seed twice and compares a running hash of all events and effects:
// whatever in the deciders depends on more than their inputs shows there.
package sim
