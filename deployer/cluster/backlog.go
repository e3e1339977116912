package cluster

import "slices"

// How many events a Step is given at most, and how many wait for one. Who feeds a State
// keeps to them.
const (
	BatchMax = 1024
	InboxMax = 8 * BatchMax
)

// readAll notes until when all that came was read: until now, unless there were as many
// events as a Step is given. Then more may lie in the inbox; but not of the time before as
// many steps as empty a full one.
func (s *State) readAll(events int) {
	if events < BatchMax {
		s.full, s.read = s.full[:0], s.now
		return
	}
	s.full = append(s.full, s.now)
	if len(s.full) > InboxMax/BatchMax {
		s.read = s.full[0]
		s.full = slices.Delete(s.full, 0, 1)
	}
}
