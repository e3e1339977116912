package store

import (
	"fmt"
	"testing"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// Steps that tell many and steps that tell few follow one another; who reads sees one row
// of notices, whatever they lie in.
func TestNoticesOfPagesAndRowsAreOneRow(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		var all []apps.Notice
		for _, n := range []int{3, pagedFrom, 1, 3*eventsPaged + 7, eventsPaged, 2} {
			from := len(all)
			for i := range n {
				notice := apps.Notice{Seq: uint64(len(all) + 1), At: today.Add(time.Duration(from) * time.Second), Type: "instance_changed_event", App: "/web", Status: "Starting"}
				switch i % 3 {
				case 0:
					notice.Instance = &apps.Instance{ID: fmt.Sprint("i", i), App: "/web", Since: today}
				case 1:
					notice.Instance = all[len(all)-1].Instance
				}
				all = append(all, notice)
			}
			commit(t, d, l, cluster.Changes{Notices: cluster.NoticesOf(all[from:]...)})
		}
		for _, after := range []int{0, 2, 3, 4, 66, 67, 68, 69, 300, 835, 836, len(all) - 3, len(all) - 1, len(all)} {
			for _, limit := range []int{1, 2, 70, eventsPaged, eventsPaged + 1, 5000} {
				got := must(d.Notices(t.Context(), uint64(after), limit))(t)
				want := all[after:min(after+limit, len(all))]
				if len(got) != len(want) {
					t.Fatalf("%d notices after %d, want %d (limit %d)", len(got), after, len(want), limit)
				}
				if len(want) > 0 {
					diff(t, fmt.Sprintf("notices after %d, limit %d", after, limit), want, got)
				}
			}
		}
		if err := d.pruneOnce(t.Context(), today.Add(noticesAge+68*time.Second)); err != nil {
			t.Fatal(err)
		}
		// The first four are a row each and a page of 64: they are as old as seconds 0 to 67.
		if first := must(d.FirstSeq(t.Context()))(t); first != 69 {
			t.Errorf("after the week of the first steps the oldest notice is %d, want 69", first)
		}
	})
}
