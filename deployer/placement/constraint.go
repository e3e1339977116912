package placement

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"sync"

	"pacer/apps"
)

// accepts applies Marathon's constraints (the rules of its version 1.9 for
// GROUP_BY). A host without the attribute passes only UNLIKE. The answer is -1, or the
// index of the constraint that fails, and whether the host lacks the attribute. c is nil
// where nothing is placed.
func (b *Board) accepts(app *apps.App, c *crowd, h *host) (failed int, missing bool) {
	for i, con := range app.Constraints {
		value, has := attribute(&h.Host, con.Field)
		if has && !b.holds(con, c, value) || !has && con.Operator != "UNLIKE" {
			return i, !has
		}
	}
	return -1, false
}

func describe(c apps.Constraint) string {
	if c.Value == "" {
		return "not " + c.Field + " " + c.Operator
	}
	return "not " + c.Field + " " + c.Operator + " " + c.Value
}

func (b *Board) holds(con apps.Constraint, c *crowd, value string) bool {
	switch con.Operator {
	case "UNIQUE":
		return b.counts(c, con.Field)[value] == 0
	case "CLUSTER":
		if con.Value != "" {
			return value == con.Value
		}
		return c == nil || b.counts(c, con.Field)[value] > 0
	case "LIKE":
		return matches(con.Value, value)
	case "UNLIKE":
		return !matches(con.Value, value)
	case "IS":
		return same(con.Value, value)
	case "MAX_PER":
		return b.counts(c, con.Field)[value] < mostPer(con)
	case "GROUP_BY":
		counts := b.counts(c, con.Field)
		mine, seen := counts[value]
		if !seen {
			return true
		}
		least := int32(math.MaxInt32)
		for _, n := range counts {
			least = min(least, n)
		}
		return len(counts) >= groupsOf(con) && mine == least
	default:
		panic(fmt.Sprintf("placement: no case for the operator %q", con.Operator))
	}
}

// mostPer is the value of a MAX_PER; what is no number allows none.
func mostPer(con apps.Constraint) int32 {
	n, err := strconv.ParseInt(con.Value, 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

// groupsOf is the value of a GROUP_BY: how many groups there must be.
func groupsOf(con apps.Constraint) int {
	n, _ := strconv.Atoi(con.Value)
	return n
}

// counts is how many of the crowd are on hosts with each value of the field; values
// that none is on are left out.
func (b *Board) counts(c *crowd, field string) map[string]int32 {
	if c == nil {
		return nil
	}
	if counts := c.byField[field]; counts != nil {
		return counts
	}
	counts := map[string]int32{}
	for _, h := range b.hosts {
		n := c.hosts.get(h.slot)
		if value, has := attribute(&h.Host, field); has && n != 0 {
			counts[value] += n
		}
	}
	if c.byField == nil {
		c.byField = map[string]map[string]int32{}
	}
	c.byField[field] = counts
	return counts
}

func attribute(h *apps.Host, field string) (string, bool) {
	switch field {
	case "hostname", "@hostname":
		return h.Name, true
	case "@zone":
		return h.Zone, h.Zone != ""
	case "@region":
		return h.Region, h.Region != ""
	}
	value, has := h.Attributes[field]
	return value, has
}

// same compares as IS does: numbers after rounding to three decimals, else the text.
func same(want, have string) bool {
	a, errA := strconv.ParseFloat(want, 64)
	b, errB := strconv.ParseFloat(have, 64)
	if errA == nil && errB == nil {
		return math.RoundToEven(a*1000) == math.RoundToEven(b*1000)
	}
	return want == have
}

// patterns remembers compiled expressions: there are few, and each is asked of
// every host. It is shared by all boards and bounded.
var patterns struct {
	sync.Mutex
	m map[string]*regexp.Regexp
}

// matches reports whether the whole of value matches the expression. One that does
// not compile (validation refuses it at the door) matches nothing.
func matches(expression, value string) bool {
	patterns.Lock()
	defer patterns.Unlock()
	re, known := patterns.m[expression]
	if !known {
		re, _ = regexp.Compile(`^(?:` + expression + `)$`)
		if patterns.m == nil || len(patterns.m) >= 10_000 {
			patterns.m = map[string]*regexp.Regexp{}
		}
		patterns.m[expression] = re
	}
	return re != nil && re.MatchString(value)
}
