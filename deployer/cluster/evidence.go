package cluster

import "pacer/apps"

// evidenceMax is how many pieces of evidence are remembered, to store each once though
// its host tells it a few times.
const evidenceMax = 1024

// foldEvidence stores what hosts have kept of instances that failed. It decides
// nothing: the instance is off the books by then, and its app may be too.
func (s *State) foldEvidence(told []apps.Evidence) {
	for _, e := range told {
		if s.evident[e.Instance] {
			continue
		}
		if len(s.evidence) == evidenceMax {
			delete(s.evident, s.evidence[0])
			s.evidence = s.evidence[1:]
		}
		s.evident[e.Instance] = true
		s.evidence = append(s.evidence, e.Instance)
		e.At = s.now
		s.fx.Save.Evidence = append(s.fx.Save.Evidence, e)
	}
}
