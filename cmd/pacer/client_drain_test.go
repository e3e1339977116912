package main

import (
	"fmt"
	"testing"
)

func TestDrainWaitsUntilTheHostIsEmpty(t *testing.T) {
	host := func(state string, instances int) reply {
		return reply{200, fmt.Sprintf(`{"name":"h1","addr":"127.0.0.1","state":%q,"instances":%d,"draining":%t,"lost":%t,"message":"silent"}`, state, instances, state == "draining", state == "lost")}
	}
	for _, c := range []struct {
		name   string
		args   []string
		looks  []reply
		code   int
		stderr string
	}{
		{"to the end", nil, []reply{host("draining", 2), host("draining", 1), host("draining", 0)}, 0, "host h1 is draining: 2 of 2 instances left\nhost h1 is draining: 1 of 2 instances left\nhost h1 is drained\n"},
		{"not for ever", []string{"--timeout", "20ms"}, []reply{host("draining", 2)}, 6, "host h1 still has 2 instances after 20ms"},
		{"until somebody lets it take part again", nil, []reply{host("up", 2)}, 4, "not drained any more"},
		{"until it is lost", nil, []reply{host("lost", 2)}, 1, "host h1 is lost: silent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, map[string][]reply{"PUT /pacer/v1/hosts/h1": {host("draining", 2)}, "GET /pacer/v1/hosts/h1": c.looks})
			pacer(t.Context(), "", append([]string{"host", "drain", "h1", "--wait", "--server", f.url}, c.args...)...).check(t, c.code, "", c.stderr)
		})
	}
}
