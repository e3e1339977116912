package cluster

import (
	"slices"
	"time"

	"pacer/apps"
)

const (
	answersMax = 10_000         // kept; the oldest goes first
	answersAge = 24 * time.Hour // then a key may be used anew
)

// A Key names a request, so that it can be sent again safely.
type Key struct {
	Name   string
	Digest string // of all that the request says
}

// A Match is what a change is only made for: the app of that id, or the group, still
// has that version. A group has the newest version of its own and of all below it.
type Match struct {
	ID      apps.ID
	Version apps.Version // 0: any, but it must be there
}

type (
	// Recall asks how the request of a key was answered. The reply has no Answer where
	// it was not.
	Recall struct {
		Request string
		Key     Key
	}
)

func (Recall) event() {}

// answered is the kept answer to a request with that key; nil: there is none. It fails
// where the key was used for another request.
func (s *State) answered(k *Key) (*apps.Answer, error) {
	if k == nil {
		return nil, nil
	}
	a := s.answers[k.Name]
	switch {
	case a == nil || s.now.Sub(a.At) >= answersAge:
		return nil, nil
	case a.Digest != k.Digest:
		return nil, apps.Errorf(apps.Invalid, "The Idempotency-Key %q was used for another request: each request needs a key of its own", k.Name)
	}
	return a, nil
}

// again is the reply to a request that was answered before.
func (s *State) again(request string, a *apps.Answer) {
	r := Reply{Request: request, Deployment: a.Deployment, Version: a.Version, Instances: a.Killed, Run: a.Run, Answer: a}
	if made := s.present(a.Created); made != nil && made.spec.Version == a.Version {
		r.Apps = []*apps.App{made.spec}
	}
	s.reply(r)
}

// settledBefore replies to a request whose key is known, as it was answered the first
// time, or with a refusal where the key was another request's. Else it reports false.
func (s *State) settledBefore(request string, k *Key) bool {
	known, err := s.answered(k)
	switch {
	case err != nil:
		s.refuse(request, err)
	case known != nil:
		s.again(request, known)
	default:
		return false
	}
	return true
}

// keep notes the answer to a request with a key, and forgets what is too old or too much.
func (s *State) keep(k *Key, answer apps.Answer) {
	if k == nil {
		return
	}
	if old := s.answers[k.Name]; old != nil { // too old to count
		s.forgetAnswer(old.Key)
	}
	a := &answer
	a.Key, a.Digest, a.At = k.Name, k.Digest, s.now
	s.answers[a.Key] = a
	s.answersOrder = append(s.answersOrder, a.Key)
	s.fx.Save.Answers = append(s.fx.Save.Answers, *a)
	for len(s.answersOrder) > answersMax || s.now.Sub(s.answers[s.answersOrder[0]].At) >= answersAge {
		s.forgetAnswer(s.answersOrder[0])
	}
}

func (s *State) forgetAnswer(key string) {
	delete(s.answers, key)
	if s.answersOrder[0] == key { // as a rule it is the oldest
		s.answersOrder = s.answersOrder[1:]
	} else if i := slices.Index(s.answersOrder, key); i >= 0 {
		s.answersOrder = slices.Delete(s.answersOrder, i, i+1)
	}
	s.fx.Save.GoneAnswers = append(s.fx.Save.GoneAnswers, key)
}

func (s *State) foldRecall(r Recall) {
	if !s.settledBefore(r.Request, &r.Key) {
		s.reply(Reply{Request: r.Request})
	}
}

// stale refuses a change of what is not as its author saw it.
func (s *State) stale(matches []Match) error {
	for _, m := range matches {
		have, there := s.versionOf(m.ID)
		switch {
		case !there:
			return apps.Errorf(apps.Stale, "%s does not exist, so it is not in the version that If-Match asks for", m.ID)
		case m.Version != 0 && m.Version != have:
			return apps.Errorf(apps.Stale, "%s has version %s, not %s: somebody changed it meanwhile", m.ID, have, m.Version)
		}
	}
	return nil
}

func (s *State) versionOf(id apps.ID) (version apps.Version, there bool) {
	if a := s.present(id); a != nil {
		return a.spec.Version, true
	}
	if s.groups[id] == nil {
		return 0, false
	}
	return s.groupVersion(id), true
}

func (s *State) loadAnswers(stored []apps.Answer) {
	s.answers = map[string]*apps.Answer{}
	for _, a := range stored {
		s.answers[a.Key] = &a
		s.answersOrder = append(s.answersOrder, a.Key)
	}
}
