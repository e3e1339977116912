package deployer

import (
	"context"
	"strconv"
	"sync"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// waiters are the callers whose requests are in the loop.
type waiters struct {
	mu   sync.Mutex
	last uint64
	by   map[string]chan cluster.Reply
	over error
}

func (w *waiters) add() (name string, reply chan cluster.Reply, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over != nil {
		return "", nil, w.over
	}
	if w.by == nil {
		w.by = map[string]chan cluster.Reply{}
	}
	w.last++
	name = strconv.FormatUint(w.last, 36)
	reply = make(chan cluster.Reply, 1)
	w.by[name] = reply
	return name, reply, nil
}

func (w *waiters) forget(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.by, name)
}

func (w *waiters) answer(r cluster.Reply) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if reply := w.by[r.Request]; reply != nil {
		reply <- r
		delete(w.by, r.Request)
	}
}

// drop tells all that still wait that there will be no answer.
func (w *waiters) drop(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = err
	for _, reply := range w.by {
		reply <- cluster.Reply{Err: err}
	}
	w.by = nil
}

// Submit puts a request into the loop and waits for its reply, which comes after
// the commit. newEvent gets the name under which the reply will come. It fails with
// an *apps.Error: the core's answer, or Unavailable when this server does not lead
// or the inbox is full; then, or when ctx ended first, the request may still have
// been carried out.
func (d *Deployer) Submit(ctx context.Context, newEvent func(request string) cluster.Event) (cluster.Reply, error) {
	t := d.term.Load()
	if t == nil {
		return cluster.Reply{}, apps.Errorf(apps.Unavailable, "this server does not lead: ask again")
	}
	name, reply, err := t.waiters.add()
	if err != nil {
		return cluster.Reply{}, err
	}
	defer t.waiters.forget(name)
	select {
	case t.inbox <- newEvent(name):
	default:
		d.stats.refused.Add(1)
		return cluster.Reply{}, apps.Errorf(apps.Unavailable, "too many requests wait: ask again in a moment")
	}
	select {
	case r := <-reply:
		return r, r.Err
	case <-ctx.Done():
		return cluster.Reply{}, &apps.Error{Kind: apps.Unavailable, Message: "no answer in time; the request may still be carried out", Err: context.Cause(ctx)}
	}
}

// Tell puts a letter from a host or a balancer into the loop. When the inbox is full
// the letter is dropped: its sender repeats itself.
func (d *Deployer) Tell(ev cluster.Event) {
	if t := d.term.Load(); t != nil {
		select {
		case t.inbox <- ev:
		default:
			d.stats.dropped.Add(1)
		}
	}
}
