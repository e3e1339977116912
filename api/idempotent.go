package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// keyMax is the longest Idempotency-Key.
const keyMax = 255

type requestKey struct{}

// idempotent has a change that carries an Idempotency-Key made once, however often it
// is sent: whoever did not hear the answer may ask again, another leader too. Only what
// changes what runs is kept, for a day; a request that was refused may be sent again.
func (d *door) idempotent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.Header.Get("Idempotency-Key")
		if name == "" || r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		key, err := keyOf(r, name)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		reply, err := d.submit(r, func(request string) cluster.Event { return cluster.Recall{Request: request, Key: *key} })
		switch {
		case err != nil:
			d.refuse(w, r, err)
		case reply.Answer != nil:
			if err := d.again(w, r, reply); err != nil {
				d.refuse(w, r, err)
			}
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, key)))
		}
	})
}

// keyOf reads the whole request, and has its body ready to be read once more.
func keyOf(r *http.Request, name string) (*cluster.Key, error) {
	if len(name) > keyMax {
		return nil, apps.Errorf(apps.Invalid, "An Idempotency-Key has at most %d characters", keyMax)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	sum := sha256.New()
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, string(body)} {
		sum.Write([]byte(part))
		sum.Write([]byte{0})
	}
	return &cluster.Key{Name: name, Digest: hex.EncodeToString(sum.Sum(nil))}, nil
}

// keyIn is the key of a request whose answer is to be kept; nil: it has none.
func keyIn(r *http.Request) *cluster.Key {
	key, _ := r.Context().Value(requestKey{}).(*cluster.Key)
	return key
}

// ifMatch is what the request wants to find: an id in the version of its If-Match, "*"
// for any. Without the header it is nothing.
func ifMatch(r *http.Request, id apps.ID) ([]cluster.Match, error) {
	text := strings.TrimSpace(r.Header.Get("If-Match"))
	switch text {
	case "":
		return nil, nil
	case "*":
		return []cluster.Match{{ID: id}}, nil
	}
	version, err := apps.ParseVersion(strings.Trim(strings.TrimPrefix(text, "W/"), `"`))
	if err != nil {
		return nil, apps.Errorf(apps.Invalid, "If-Match must be a version, like 2015-09-25T15:13:48.343Z, or *")
	}
	return []cluster.Match{{ID: id, Version: version}}, nil
}

var errManyMatch error = apps.Errorf(apps.Invalid, "If-Match is possible where one app, pod or group is changed")
