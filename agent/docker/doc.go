// Package docker drives a Docker Engine for an agent: it makes containers of
// instances and tells what has become of them.
//
// The labels on the containers are the only memory. A container without the label
// pacer.instance is not ours: it is never listed, stopped or removed, whatever its
// name is. What can be decided without the engine is in pure functions (createSpec,
// environment, CheckParameters); the rest is one file per call of agent.Runtime.
package docker
