package deployer

import (
	"pacer/apps"
	"pacer/deployer/cluster"
)

// behindMax is how many notices a subscriber may be behind before it is cut off.
const behindMax = 4096

type subscriber struct{ notices chan apps.Notice }

// Subscribe delivers every notice committed from now on, in order, until cancel is
// called. A subscriber that falls too far behind is cut off, and all are when this
// server stops leading: the channel is closed.
func (d *Deployer) Subscribe() (notices <-chan apps.Notice, cancel func()) {
	s := &subscriber{make(chan apps.Notice, behindMax)}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.term.Load() == nil {
		close(s.notices)
		return s.notices, func() {}
	}
	d.subscribers[s] = true
	return s.notices, func() { d.cut(s) }
}

func (d *Deployer) cut(s *subscriber) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.subscribers[s] {
		delete(d.subscribers, s)
		close(s.notices)
	}
}

func (d *Deployer) publish(notices cluster.Notices) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := range d.subscribers {
		for n := range notices.All() {
			select {
			case s.notices <- n:
				continue
			default:
			}
			delete(d.subscribers, s)
			close(s.notices)
			break
		}
	}
}

func (d *Deployer) dropSubscribers() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := range d.subscribers {
		delete(d.subscribers, s)
		close(s.notices)
	}
}
