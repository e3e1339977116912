package main

import (
	"fmt"
	"testing"
)

func TestRebalanceWaitsUntilAllIsMoved(t *testing.T) {
	plan := reply{200, `{"moves":[{"instance":"web.1","app":"/web","from":"h1","to":"h2","sentence":"host h1 90 % → 50 %, h2 0 % → 40 %"}],
		"hosts":[{"name":"h1","before":0.9,"after":0.5},{"name":"h2","before":0,"after":0.4},{"name":"h3","before":0.3,"after":0.3}],"more":true}`}
	const said = "host h1: 90 % → 50 %\nhost h2: 0 % → 40 %\nthere is more to move: ask again when this is done\n"
	left := func(n int) reply { return reply{200, fmt.Sprintf(`{"left":%d,"moves":[]}`, n)} }
	for _, c := range []struct {
		name   string
		args   []string
		plan   reply
		looks  []reply
		code   int
		stderr string
	}{
		{"to the end", []string{"--wait"}, plan, []reply{left(2), left(1), left(0)}, 0, said + "rebalancing: 2 of 2 moves left\nrebalancing: 1 of 2 moves left\nthe hosts are rebalanced\n"},
		{"not for ever", []string{"--wait", "--timeout", "20ms"}, plan, []reply{left(1)}, 6, "1 move is left after 20ms"},
		{"for nothing", []string{"--wait"}, reply{200, `{"moves":[],"hosts":[]}`}, nil, 0, "nothing to move: no host is worth relieving\n"},
		{"not at all", []string{"--dry-run", "--wait"}, plan, nil, 2, "moves nothing that could be waited for"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, map[string][]reply{"POST /pacer/v1/rebalance": {c.plan}, "GET /pacer/v1/rebalance": c.looks})
			stdout := ""
			if c.code != 2 && c.plan.body == plan.body {
				stdout = "host h1 90 % → 50 %, h2 0 % → 40 %"
			}
			pacer(t.Context(), "", append([]string{"host", "rebalance", "--server", f.url}, c.args...)...).check(t, c.code, stdout, c.stderr)
		})
	}
}
