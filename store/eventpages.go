package store

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"runtime"
	"slices"

	"github.com/klauspost/compress/s2"
	"golang.org/x/sync/errgroup"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// The notices of a step that tells many are written in pages: a launch of 20,000
// instances tells 80,000, and a row for each would take most of its commit's time.
const (
	pagedFrom   = 64  // fewer notices are a row each, as they are read one by one
	eventsPaged = 256 // in a page
)

var eventPagesTable = newTable("event_pages", 0, "first_seq#", "last_seq#", "at#", "doc")

// An eventPage is some notices in a row. Several of them tell of the same copy of an
// instance, which is written once.
type eventPage struct {
	Notices   []apps.Notice    `json:"notices"` // without their instances
	Of        []int            `json:"of"`      // for each, its instance in Instances; -1: none
	Instances []*apps.Instance `json:"instances"`
}

// pack makes a page of notices that follow one another.
func pack(notices []apps.Notice) (doc string, err error) {
	p := eventPage{Notices: notices, Of: make([]int, len(notices))}
	var last *apps.Instance
	for i := range notices {
		in := notices[i].Instance
		notices[i].Instance = nil
		if in != nil && in != last {
			p.Instances, last = append(p.Instances, in), in
		}
		if p.Of[i] = len(p.Instances) - 1; in == nil {
			p.Of[i] = -1
		}
	}
	text, err := encode(p)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(s2.Encode(nil, []byte(text))), nil
}

func unpack(doc string) ([]apps.Notice, error) {
	packed, err := base64.StdEncoding.DecodeString(doc)
	if err != nil {
		return nil, err
	}
	text, err := s2.Decode(nil, packed)
	if err != nil {
		return nil, err
	}
	var p eventPage
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, err
	}
	for i, of := range p.Of {
		if of >= 0 {
			p.Notices[i].Instance = p.Instances[of]
		}
	}
	return p.Notices, nil
}

// putNotices adds what a step tells, as rows or as pages.
func (p *planner) putNotices(n cluster.Notices) {
	if n.Len() < pagedFrom {
		putRows(p, eventsTable, n.Len(), n.All(), func(n apps.Notice) []any { return []any{int64(n.Seq), n.At.UnixMilli(), n.Type} })
		return
	}
	pages := (n.Len() + eventsPaged - 1) / eventsPaged
	w := put{into: eventPagesTable, cols: []any{make([]int64, pages), make([]int64, pages), make([]int64, pages), make([]string, pages)}}
	first, last, at, docs := w.cols[0].([]int64), w.cols[1].([]int64), w.cols[2].([]int64), w.cols[3].([]string)
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	next, stop := iter.Pull(n.All())
	defer stop()
	for i := range pages {
		page := make([]apps.Notice, 0, eventsPaged)
		for len(page) < eventsPaged {
			notice, more := next()
			if !more {
				break
			}
			page = append(page, notice)
		}
		end := len(page) - 1
		first[i], last[i], at[i] = int64(page[0].Seq), int64(page[end].Seq), page[end].At.UnixMilli()
		g.Go(func() (err error) {
			docs[i], err = pack(page)
			return err
		})
	}
	if err := g.Wait(); err != nil && p.err == nil {
		p.err = fmt.Errorf("encode for %s: %w", eventPagesTable.name, err)
	}
	p.writes = append(p.writes, w)
}

// notices are up to limit notices that follow number after, from rows and pages: as many
// as there are, or fewer where those of the next commit came while they were read.
func (d *DB) notices(ctx context.Context, after uint64, limit int) ([]apps.Notice, error) {
	var out []apps.Notice
	for len(out) < limit {
		more, err := d.somePaged(ctx, after, limit-len(out))
		if err != nil {
			return nil, err
		}
		rows, err := readAll[apps.Notice](ctx, d.read, `SELECT doc FROM events WHERE seq > $1 ORDER BY seq LIMIT $2`, int64(after), limit-len(out))
		if err != nil {
			return nil, err
		}
		more = append(more, rows...)
		if len(more) == 0 {
			break
		}
		slices.SortFunc(more, func(a, b apps.Notice) int { return cmp.Compare(a.Seq, b.Seq) })
		for i := range more { // what follows a gap is further away than was read
			if i > 0 && more[i].Seq != more[i-1].Seq+1 {
				more = more[:i]
				break
			}
		}
		out = append(out, more...)
		after = more[len(more)-1].Seq
	}
	return out[:min(len(out), limit)], nil
}

// somePaged are notices that follow number after and lie in the next few pages.
func (d *DB) somePaged(ctx context.Context, after uint64, limit int) (out []apps.Notice, err error) {
	rows, err := d.read.QueryContext(ctx, `SELECT doc FROM event_pages WHERE last_seq > $1 ORDER BY last_seq LIMIT $2`, int64(after), limit/eventsPaged+2)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var doc string
		if err := rows.Scan(&doc); err != nil {
			return nil, err
		}
		page, err := unpack(doc)
		if err != nil {
			return nil, fmt.Errorf("decode a page of notices: %w", err)
		}
		out = append(out, page...)
	}
	return slices.DeleteFunc(out, func(n apps.Notice) bool { return n.Seq <= after }), rows.Err()
}
