package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pacer/api/wire"
)

// A hook is a server that events are sent to; answer says with what status each try is
// answered.
type hook struct {
	url    string
	mu     sync.Mutex
	tries  int
	types  []string // of events that were taken, in order
	bodies []string
}

func newHook(t *testing.T, answer func(try int) int) *hook {
	t.Helper()
	h := &hook{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.tries++
		status := answer(h.tries)
		if status == http.StatusOK && r.Header.Get("Content-Type") == "application/json" {
			var e struct{ EventType string }
			_ = json.Unmarshal(body, &e)
			h.types, h.bodies = append(h.types, e.EventType), append(h.bodies, string(body))
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	h.url = server.URL + "/events?of=pacer"
	return h
}

func (h *hook) taken() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.types)
}

func courier(t *testing.T, p *platform, behind uint64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	c := &Courier{Deployer: p, Reader: past{p.ledger}, Log: slog.New(slog.DiscardHandler), Block: time.Millisecond, Wait: 5 * time.Second, Behind: behind}
	go func() {
		defer close(done)
		_ = c.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func callback(t *testing.T, server *httptest.Server, method, to string) wire.CallbackEvent {
	t.Helper()
	x := do(t, server, method, "/v2/eventSubscriptions?callbackUrl="+url.QueryEscape(to), "")
	var e wire.CallbackEvent
	if err := json.Unmarshal([]byte(x.body), &e); err != nil || x.status != 200 {
		t.Fatalf("%s: %d %s", method, x.status, x.body)
	}
	return e
}

func TestEventsAreSentToWhoSubscribed(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	courier(t, p, 0)
	good := newHook(t, func(int) int { return 200 })
	shaky := newHook(t, func(try int) int { return []int{503, 200, 500}[try%3] })
	if e := callback(t, server, "POST", good.url); e.EventType != "subscribe_event" || e.CallbackURL != good.url || e.ClientIP != "127.0.0.1" || e.Timestamp == "" {
		t.Errorf("the answer is the event, got %+v", e)
	}
	callback(t, server, "POST", shaky.url)
	callback(t, server, "POST", good.url) // again: nothing changes
	var list wire.Callbacks
	get(t, server, "/v2/eventSubscriptions", &list)
	if want := []string{good.url, shaky.url}; !slices.Equal(list.CallbackURLs, slices.Sorted(slices.Values(want))) {
		t.Errorf("want %v, got %v", want, list.CallbackURLs)
	}
	if x := do(t, server, "POST", "/v2/apps", `{"id":"/a","cmd":"sleep 1"}`); x.status != 201 {
		t.Fatal(x.status, x.body)
	}
	p.settle()
	for _, h := range []*hook{good, shaky} {
		eventually(t, "the end of the deployment is told", func() bool { return slices.Contains(h.taken(), "deployment_success") })
	}
	types := good.taken()
	if types[0] != "subscribe_event" || strings.Count(strings.Join(types, " "), "subscribe_event") != 2 || slices.ContainsFunc(types, func(s string) bool { return strings.HasPrefix(s, ownEvents) }) {
		t.Errorf("its own subscription first, the other's once, and nothing of Pacer's own: %v", types)
	}
	if got := shaky.taken(); !slices.Equal(got, types[1:]) {
		t.Errorf("who fails now and then gets the same in order:\n%v\n%v", types[1:], got)
	}
	if e := callback(t, server, "DELETE", good.url); e.EventType != "unsubscribe_event" {
		t.Errorf("got %+v", e)
	}
	get(t, server, "/v2/eventSubscriptions", &list)
	if !slices.Equal(list.CallbackURLs, []string{shaky.url}) {
		t.Errorf("one is left, got %v", list.CallbackURLs)
	}
	eventually(t, "its end is told to the other", func() bool { return slices.Contains(shaky.taken(), "unsubscribe_event") })
}

func TestWhoTakesNothingIsCutOffAndDelaysNobody(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	courier(t, p, 20)
	good := newHook(t, func(int) int { return 200 })
	dead := newHook(t, func(int) int { return 500 })
	callback(t, server, "POST", dead.url)
	callback(t, server, "POST", good.url)
	cut := func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, n := range p.notices {
			if n.Type == "pacer_callback_cut_off" && strings.HasPrefix(n.Message, dead.url+" was too slow") {
				return true
			}
		}
		return false
	}
	last := 0
	change := func() {
		last++
		if x := do(t, server, "PUT", "/v2/apps/a?force=true", `{"cmd":"sleep `+itoa(last)+`"}`); x.status > 201 {
			t.Fatal(x.status, x.body)
		}
		p.settle()
	}
	eventually(t, "it is cut off, and that is told", func() bool {
		change()
		return cut()
	})
	before := last
	// So many changes at once can be too much for the other as well: then it goes on with
	// the next one.
	eventually(t, "the other has what is newer", func() bool {
		change()
		good.mu.Lock()
		defer good.mu.Unlock()
		bodies := strings.Join(good.bodies, "\n")
		for n := before + 1; n <= last; n++ {
			if strings.Contains(bodies, `"cmd":"sleep `+itoa(n)+`"`) {
				return true
			}
		}
		return false
	})
	if len(dead.taken()) > 0 {
		t.Error("it took something")
	}
}

func TestOnlyURLsCanBeSubscribed(t *testing.T) {
	server := serve(t, newPlatform(t).config())
	for _, to := range []string{"", "nowhere", "/path", "ftp://h/x", "http://", "http://" + strings.Repeat("x", callbackMax)} {
		if x := do(t, server, "POST", "/v2/eventSubscriptions?callbackUrl="+url.QueryEscape(to), ""); x.status != 422 {
			t.Errorf("%.40s: want 422, got %d %s", to, x.status, x.body)
		}
	}
	for i := range 101 {
		x := do(t, server, "POST", "/v2/eventSubscriptions?callbackUrl=http://127.0.0.1/"+itoa(i), "")
		if want := map[bool]int{true: 200, false: 403}[i < 100]; x.status != want {
			t.Fatalf("subscription %d: want %d, got %d %s", i, want, x.status, x.body)
		}
	}
}
