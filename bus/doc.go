// Package bus carries the letters of the platform over NATS: it is the only place
// where a NATS subject is spelled.
//
// Letters are state, and the newest one counts: any of them may be lost, doubled
// or late, and its sender is not told. So the bus confirms nothing, stores nothing
// and waits for nobody; a letter that cannot even be sent (it is too large, or the
// buffer for the time without a connection is full) is an error to its sender.
// The exceptions are Call, where someone waits for a stream of answers, and
// Outbox, which copies the notices of the store into a JetStream stream for the
// programs that listen; that stream may be lost and is made anew from the store.
package bus
