// Package apps is the vocabulary of the house: the nouns every room speaks, and
// the rules that need nothing but the nouns. It does no I/O and imports no other
// room.
//
// The words, once and everywhere:
//
//	app         what a user wants running; has versions
//	group       a folder of apps: part of the path of an app's id
//	role        DRF's user: an app's own, else the first element of its path
//	version     one accepted spec of an app; a time stamp that only grows
//	instance    one container of one version; never reused, never moved
//	            (on Marathon's wire: a task)
//	host        a machine with a Docker engine and an agent
//	deployment  the way from one set of specs to the next; made of steps
//	job         work that is done and over; has schedules
//	run         a job being done once: one instance, or several one after another
//	slot        a moment at which a schedule is due
//	notice      what the platform tells the world (on the v2 wire: an event)
//	assignment  the letter leader → host: everything the host shall run
//	report      the letter host → leader: everything the host runs
//	evidence    what is left of an instance that failed: its last lines and answers
//	service     the letter leader → load balancer and DNS: where an app answers
//	endpoint    where an instance answers
//	route       which traffic is meant for an app
//	drain       out of the load balancer, finishing its requests
//	epoch       which leader; it grows by one with every change of leader
//	revision    which letter of that leader
//	lease       the right to lead
package apps
