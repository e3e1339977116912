package placement

import "pacer/apps"

// Owed reports whether an instance with such needs lies within the role's guarantee.
func (b *Board) Owed(role string, needs apps.Resources) bool {
	r, need := b.roles[role], vectorOf(needs)
	return r != nil && r.guaranteed(&need) && r.above(&need) < 0
}

// Weights is the sum of the weights of all roles that hold something or are named.
func (b *Board) Weights(waiting map[string]bool) (sum uint64) {
	for name, r := range b.roles {
		if r.n > 0 || waiting[name] {
			sum += r.weight
		}
	}
	return sum
}

// AboveFair reports whether a role holds more of its dominant resource than its weight is
// of all weights.
func (b *Board) AboveFair(role string, weights uint64) bool {
	r := b.roles[role]
	return r != nil && weights > 0 && dominantShare(r.held, b.total).compare(share{r.weight, weights}) > 0
}

// A Fit is how an app and a host go together.
type Fit uint8

const (
	Never  Fit = iota // whoever goes from there: the host is closed, or a constraint says no
	Full              // as soon as there is room
	Enough            // now
)

// MakingWay is why a host is closed whose room is kept for whom others make way.
const MakingWay = "making way"

// Fits says how one more instance of the app fits on a host; MakingWay does not count.
func (b *Board) Fits(app *apps.App, host string) Fit {
	h := b.byName[host]
	if h == nil || !h.known {
		return Never
	}
	ask := b.survey(app, b.peek(app))
	ask.later = true
	switch why, _ := ask.refuses(h); {
	case why.code == "":
		return Enough
	case why.code == AgentMaintenance || why.code == UnfulfilledConstraint || why.code == UnfulfilledRole || !app.Needs.Fits(h.total):
		return Never
	}
	return Full
}
