// Package agent makes one host run what it was assigned, and reports what it runs.
//
// Host decides and does nothing else: facts in, effects out, no clock, no I/O, so
// the simulator lives it too. Agent is the edge around it: it drives a Runtime (a
// Docker engine), a healthcheck.Prober and a Post. There is no file: containers
// carry labels, and a restarted agent asks its engine who it is.
//
// What Host promises:
//
//   - one operation per container at a time, and phases only go forward;
//   - an instance that ended is never started again;
//   - nothing is started, stopped or removed before the engine was listed, nor
//     stopped or removed before the leader's first letter to this agent came;
//   - a letter older than one that was seen, from an earlier leader than the labels
//     of a container name, or to an earlier life of the agent, changes nothing;
//   - whatever is lost, doubled or late costs time only: the next list tells.
package agent
