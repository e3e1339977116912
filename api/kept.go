package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"pacer/apps"
)

// keptMax is how many bytes of answers about single apps are kept.
const keptMax = 64 << 20

// A keptKey is one question about one app.
type keptKey struct {
	app   apps.ID
	parts embed
}

// A kept answer holds while the app has the revision that it was rendered at.
type kept struct {
	revision uint64
	page     *page
}

// answers keeps what was said of single apps, keptMax bytes at most. Which one makes room
// for another is left to chance.
type answers struct {
	mu    sync.RWMutex
	by    map[keptKey]kept
	bytes int
}

func (a *answers) get(key keptKey, revision uint64) (*page, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	k, ok := a.by[key]
	return k.page, ok && k.revision == revision && revision != 0
}

func (a *answers) put(key keptKey, revision uint64, p *page) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = map[keptKey]kept{}
	}
	a.drop(key)
	for other := range a.by {
		if a.bytes+p.size() <= keptMax {
			break
		}
		a.drop(other)
	}
	if p.size() <= keptMax && revision != 0 { // 0: the app came after it was asked for
		a.by[key] = kept{revision, p}
		a.bytes += p.size()
	}
}

func (a *answers) drop(key keptKey) {
	if k, ok := a.by[key]; ok {
		a.bytes -= k.page.size()
		delete(a.by, key)
	}
}

// encoded is JSON as all answers have it, without a line's end.
func encoded(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("answer cannot be encoded: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// writePage answers with what was rendered before.
func (d *door) writePage(w http.ResponseWriter, r *http.Request, p *page) error {
	h := w.Header()
	d.constants(h)
	h.Set("Content-Type", "application/json")
	h.Add("Vary", "Accept-Encoding")
	if notModified(w, p.tag()) {
		return nil
	}
	if acceptsGzip(r) {
		body := p.zip()
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // the client is gone: nothing to do
		return nil
	}
	length := 0
	for _, part := range p.parts {
		length += len(part.plain)
	}
	h.Set("Content-Length", strconv.Itoa(length))
	for _, part := range p.parts {
		if _, err := w.Write(part.plain); err != nil {
			return nil // the same
		}
	}
	return nil
}
