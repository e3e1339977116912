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
// Live lives a seed twice and compares a running hash of all events and effects:
// whatever in the deciders depends on more than their inputs shows there.
package sim
