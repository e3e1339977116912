// Package lb sends each request to an instance that can answer it. It believes
// the last table it was given, even when nobody has spoken to it for an hour.
//
// The way of a request:
//
//	table    host and path, or the service port → an app and one of its ports
//	choose   the app's endpoints → a backend: the less busy of two random ones that
//	         are well; a doubtful, suspect or ejected one only when no better is left
//	send     to that backend; again to another one while it is certain that no
//	         instance has begun to act on the request
//	answer   streamed back as it comes
//
// A table is immutable: [Balancer.Apply] builds a new one and swaps one pointer, so
// requests read it without a lock and a change costs what changed. A backend that
// left the table finishes what it has; [Balancer.Busy] names those that still do.
//
// What is not here yet: HTTP/2, gRPC and TLS, and UDP service
// ports (they are listed in [Stats] as not served).
package lb
