// Package healthcheck asks an instance whether it is well, and turns single
// answers into a verdict.
//
// The two halves know nothing of each other. A Verdict (and a Readiness) is pure:
// it says when the next question is due and folds each Answer. A Prober does the
// asking over HTTP, TCP or a command in the container; it judges nothing.
package healthcheck

import "time"

// An Answer is what one question brought.
type Answer struct {
	OK     bool
	Ignore bool   // neither success nor failure: nothing was learnt about the instance
	Cause  string // where not OK, for people; at most CauseMax bytes

	Status      int           // of HTTP; 0: there was none
	ContentType string        // of HTTP
	ExitCode    int           // of a command
	Body        string        // the start of it, or of what a command printed; at most BodyMax bytes
	Took        time.Duration // from the question to the answer, or until it was given up
}
