// Package e2e is Pacer tried from outside: the real binary, real Docker engines,
// real PostgreSQL and NATS, and traffic through the load balancer. Nothing here
// takes Pacer's word for what Docker can be asked.
package e2e
