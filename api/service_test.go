package api

import (
	"net/http/httptest"
	"testing"
)

func TestBelowTheServicePrefixLocationsKeepIt(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	follower := newLedger()
	follower.lead(true, false)
	follower.leader.URL = server.URL
	for id, door := range map[string]string{"/a": server.URL, "/b": serve(t, follower.config()).URL} {
		x := do(t, &httptest.Server{URL: door}, "PUT", "/service/marathon/v2/apps"+id, `{"cmd":"run","ports":[]}`)
		if want := door + "/service/marathon" + id; x.status != 201 || x.header.Get("Location") != want {
			t.Errorf("want 201 and %s, got %d and %s", want, x.status, x.header.Get("Location"))
		}
	}
	if x := do(t, server, "PUT", "/v2/apps/c", `{"cmd":"run","ports":[]}`); x.header.Get("Location") != server.URL+"/c" {
		t.Errorf("without the prefix: %s", x.header.Get("Location"))
	}
}
