package api

import (
	"sync"

	"pacer/apps"
)

// feedMax is how many notices a stream may be behind before it is cut off.
const feedMax = 4096

// A feed is what the deployer tells from now on, for all streams at once: each notice is
// rendered once, and kept once, however many follow. A stream reads at its own pace, so
// one that is stuck delays nobody and costs no more than the others.
type feed struct {
	mu      sync.Mutex
	now     *broadcast
	readers int
	guests  guests
}

// A broadcast is a feed from its first reader, or from the reader after the deployer ended it,
// to the last one or to that end.
type broadcast struct {
	cancel func()

	mu   sync.RWMutex
	ring [feedMax]*told
	next uint64        // the number of the place in the ring that comes next
	more chan struct{} // closed when there is more, or it is over
	over bool
}

// A told notice is one with its texts, for those who want it in this form.
type told struct {
	notice apps.Notice
	forms  [2]struct {
		once sync.Once
		text []byte
	}
}

// text is the notice as the stream has it; nothing where there is no event for it.
func (t *told) text(light bool) []byte {
	form := &t.forms[0]
	if light {
		form = &t.forms[1]
	}
	form.once.Do(func() {
		if e, ok := render(&t.notice, light); ok {
			form.text = eventText(e.ID, e.Type, e.Data)
		}
	})
	return form.text
}

// join begins to read at what comes next, until leave is called.
func (f *feed) join(subscribe func() (<-chan apps.Notice, func())) (b *broadcast, at uint64, leave func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now == nil || f.now.ended() {
		notices, cancel := subscribe()
		f.now, f.readers = &broadcast{cancel: cancel, more: make(chan struct{})}, 0
		go f.now.listen(notices) // until the deployer, or the last reader, ends it
	}
	f.readers++
	b = f.now
	return b, b.end(), func() { f.leave(b) }
}

func (f *feed) leave(b *broadcast) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now != b {
		return
	}
	if f.readers--; f.readers == 0 {
		f.now = nil
		b.cancel()
		b.finish()
	}
}

// listen puts what comes into the ring, as much at once as there is.
func (b *broadcast) listen(notices <-chan apps.Notice) {
	defer b.finish()
	for n := range notices {
		fresh := []*told{{notice: n}}
		for len(notices) > 0 && len(fresh) < feedMax/2 {
			n, ok := <-notices
			if !ok {
				break
			}
			fresh = append(fresh, &told{notice: n})
		}
		if !b.add(fresh) {
			return
		}
	}
}

func (b *broadcast) add(fresh []*told) (ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return false
	}
	for _, one := range fresh {
		b.ring[b.next%feedMax] = one
		b.next++
	}
	close(b.more)
	b.more = make(chan struct{})
	return true
}

func (b *broadcast) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		b.over = true
		close(b.more)
	}
}

func (b *broadcast) ended() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.over
}

func (b *broadcast) end() uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.next
}

// from appends to room what there is from place at on, as much as it has capacity for.
// Where there is nothing, more tells when to ask again. ok is false when it is over, or
// when what was there has made room for newer: the reader was too slow.
func (b *broadcast) from(at uint64, room []*told) (batch []*told, more <-chan struct{}, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.next-at > feedMax {
		return nil, nil, false
	}
	for ; at < b.next && len(room) < cap(room); at++ {
		room = append(room, b.ring[at%feedMax])
	}
	return room, b.more, len(room) > 0 || !b.over
}
