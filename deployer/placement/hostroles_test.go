package placement

import (
	"slices"
	"testing"

	"pacer/apps"
)

// A public host and two others: who may go where, and what the others say.
func TestHostsThatBelongToARole(t *testing.T) {
	b := NewBoard()
	for _, h := range []apps.Host{{Name: "h1"}, {Name: "h2"}, {Name: "public", Role: "slave_public"}} {
		b.SetHost(Offer{Host: h})
	}
	for _, test := range []struct {
		id      apps.ID
		role    string
		accepts []string
		want    []string // hosts that take it
		reasons string   // of the others
	}{
		{"/web", "", nil, []string{"h1", "h2"}, "1 reserved for role slave_public"},
		{"/web", "", []string{"*"}, []string{"h1", "h2"}, "1 reserved for role slave_public"},
		{"/web", "", []string{"slave_public"}, []string{"public"}, "2 not reserved for role slave_public"},
		{"/web", "", []string{"*", "slave_public"}, []string{"h1", "h2", "public"}, ""},
		{"/web", "", []string{"gone", "dev"}, nil, "2 not reserved for role gone or dev, 1 reserved for role slave_public"},
		{"/web", "slave_public", nil, []string{"h1", "h2", "public"}, ""},
		{"/slave_public/web", "", nil, []string{"h1", "h2", "public"}, ""}, // the role of a group
		{"/slave_public/web", "", []string{"*"}, []string{"h1", "h2"}, "1 reserved for role slave_public"},
	} {
		app := &apps.App{ID: test.id, Role: test.role, AcceptedRoles: test.accepts}
		var got []string
		for _, h := range b.hosts {
			if why, _ := b.refuses(app, nil, h); why.code == "" {
				got = append(got, h.name)
			} else if why.code != UnfulfilledRole {
				t.Errorf("%+v: want it refused for its role, got %s", test, why.code)
			}
		}
		reasons := ""
		for i, r := range b.Explain(app).Reasons {
			if i > 0 {
				reasons += ", "
			}
			reasons += string(rune('0'+r.Hosts)) + " " + r.Text
		}
		if !slices.Equal(got, test.want) || reasons != test.reasons {
			t.Errorf("%+v: got %v, and %q", test, got, reasons)
		}
	}
}
