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
// GROUP_BY). A host without the attribute passes only UNLIKE. The answer is empty,
// or the constraint that fails, for people.
func (b *Board) accepts(app *apps.App, c *crowd, h *host) string {
	for _, con := range app.Constraints {
		value, has := attribute(&h.Host, con.Field)
		if !has {
			if con.Operator == "UNLIKE" {
				continue
			}
			return "no attribute " + con.Field
		}
		if !b.holds(con, c, value) {
			return describe(con)
		}
	}
	return ""
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
		return b.count(c, con.Field, value) == 0
	case "CLUSTER":
		if con.Value != "" {
			return value == con.Value
		}
		return c == nil || b.count(c, con.Field, value) > 0
	case "LIKE":
		return matches(con.Value, value)
	case "UNLIKE":
		return !matches(con.Value, value)
	case "IS":
		return same(con.Value, value)
	case "MAX_PER":
		most, err := strconv.Atoi(con.Value)
		return err == nil && b.count(c, con.Field, value) < most
	case "GROUP_BY":
		groups, _ := strconv.Atoi(con.Value)
		counts := b.counts(c, con.Field)
		mine, seen := counts[value]
		if !seen {
			return true
		}
		least := math.MaxInt
		for _, n := range counts {
			least = min(least, n)
		}
		return len(counts) >= groups && mine == least
	default:
		panic(fmt.Sprintf("placement: no case for the operator %q", con.Operator))
	}
}

// count is how many of the crowd are on hosts with this value of the field.
func (b *Board) count(c *crowd, field, value string) int {
	if c == nil {
		return 0
	}
	switch field {
	case "hostname", "@hostname":
		return c.hosts[value]
	case "@zone":
		return c.zones[value]
	}
	return b.counts(c, field)[value]
}

func (b *Board) counts(c *crowd, field string) map[string]int {
	if c == nil {
		return nil
	}
	switch field {
	case "hostname", "@hostname":
		return c.hosts
	case "@zone":
		return c.zones
	}
	counts := map[string]int{}
	for name, n := range c.hosts {
		h := b.byName[name]
		if h == nil {
			continue
		}
		if value, has := attribute(&h.Host, field); has {
			counts[value] += n
		}
	}
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
