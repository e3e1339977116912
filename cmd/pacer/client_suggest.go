package main

import (
	"context"
	"strings"
	"time"

	"pacer/api/client"
	"pacer/api/wire"
)

// suggest adds to an error that says that an app is not there the id that looks
// like it.
func (s *session) suggest(ctx context.Context, id string, err error) error {
	if !client.IsNotFound(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	list, listErr := s.Apps(ctx, client.AppFilter{})
	if listErr != nil {
		return err
	}
	e := &exitError{exitNotFound, err.Error(), "pacer app list shows all apps"}
	if like := nearest(id, list); like != "" {
		e.hint = "did you mean " + like + "?"
	}
	return e
}

// nearest is the id that somebody who wrote id may have meant: a longer path that
// ends so, or one with few other letters.
func nearest(id string, list []wire.AppInfo) (best string) {
	id = strings.Trim(id, "/")
	fewest := min(2, (len(id)+1)/2) + 1
	for _, app := range list {
		name := strings.Trim(app.ID, "/")
		if name == id {
			continue
		}
		if strings.HasSuffix(name, "/"+id) {
			return app.ID
		}
		if n := distance(name, id); n < fewest {
			best, fewest = app.ID, n
		}
	}
	return best
}

// distance is Levenshtein's, for short names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
