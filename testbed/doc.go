// Package testbed puts real parts on one machine for tests and for trying Pacer
// out: Docker engines side by side as hosts, images built without a registry, a
// private registry and a PostgreSQL.
//
// Everything it starts lives in a directory of its own and ends with the process
// that asked for it, however that ends: a keeper holds one end of a pipe and
// clears up when the other end closes. Engines need root; a part that is absent is
// installed from the distribution, its service left switched off.
package testbed
