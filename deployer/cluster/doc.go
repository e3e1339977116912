// Package cluster decides. It is the whole judgement of the platform as one state
// machine: facts in, effects out. It reads no clock, starts no goroutine and does
// no I/O, so a test can live a week of outages in a millisecond.
//
// A Step has three movements:
//
//	fold       records facts and marks what they touch; it decides nothing but refusals
//	reconcile  compares, app by app, what is wanted with what is there, and says what:
//	           these to start, these to drain, these to stop
//	place      says where, once for the whole batch: fairness is about all who wait
//
// Nothing is a procedure with a program counter. A rolling upgrade is what
// reconcile says while some instances are of an older configuration: how many may
// leave without going below the minimum, how many may start without going above
// the maximum? A new leader in the middle of it says the same.
//
// An instance moves forward only:
//
//	Waiting ──place──▶ Starting ──report──▶ Running ──reconcile──▶ Draining
//	                                                                  │ out of every live balancer's
//	                                                                  ▼ table, requests finished
//	                                          Gone ◀──report──── Stopping
//
// Every state may fall to Gone: a container dies, a host is lost. What is Gone is
// replaced because the sets then differ, not because somebody remembered to.
//
// The first words of a State are silence: until the hosts have been heard (the
// freshness gate), nothing is counted as lost, and a container is stopped only when
// its host says that it still runs what is not wanted.
package cluster
