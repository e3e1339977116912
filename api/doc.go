// Package api is the outside's door: Marathon's REST v2 with its event stream,
// and what Marathon has no word for under /pacer/v1.
//
// Every server answers. One that does not lead passes requests on to the one that
// does, streams included; it answers /ping, /metrics, /health and the web pages by
// itself. What is changed goes through the deployer as one event each, what is read
// comes from its committed view or from the store.
//
// Bodies are bounded, errors are JSON with a message that says what to do, and no
// request of a caller can make this package answer 500.
package api
