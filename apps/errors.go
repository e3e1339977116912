package apps

import "fmt"

// A Kind says what a caller can do about an error. One kind is one HTTP status.
type Kind uint8

// The kinds of error.
const (
	Internal    Kind = iota // our fault; details go to the log, never to the user (500)
	Malformed               // not readable at all (400)
	Invalid                 // the request can never work as written (422)
	NotFound                // names something that is not there (404)
	Conflict                // right request, wrong moment: a deployment holds the app (409)
	Unavailable             // try again: no leader, no database (503)
	Forbidden               // a limit or a rule says no (403)
	Stale                   // it is not any more what the caller saw (412)
)

// An Error is an error a user may read.
type Error struct {
	Kind        Kind
	Message     string        // a sentence for the user: what, and what to do
	Details     []FieldErrors // where fields are at fault
	Deployments []string      // with Conflict: who holds the lock
	Err         error         // the cause, for the log; may be nil
}

// FieldErrors is all that is wrong with one field.
type FieldErrors struct {
	Path   string   `json:"path"` // Marathon's form: /container/docker/image, /constraints(0)
	Errors []string `json:"errors"`
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return fmt.Sprintf("%s: %v", e.Message, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error of a kind with a message.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}
