package discovery

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHTTPLookUpsHaveMesosDNSsShapes(t *testing.T) {
	e := newEnv(t, Config{Version: "1.2.3"})
	e.serve(t, shop(instance(1, "10.0.0.1", 31000, 31001, 31002), instance(2, "fd00::2", 31500, 0, 0)))
	one := label(1) + ".web.shop.pacer."
	for _, c := range []struct{ path, want string }{
		{"/v1/hosts/web.shop.pacer", `[{"host":"web.shop.pacer.","ip":"10.0.0.1"},{"host":"web.shop.pacer.","ip":"fd00::2"}]`},
		{"/v1/hosts/WEB.shop.pacer.", `[{"host":"web.shop.pacer.","ip":"10.0.0.1"},{"host":"web.shop.pacer.","ip":"fd00::2"}]`},
		{"/v1/hosts/nobody.pacer", `[{"host":"","ip":""}]`},
		{"/v1/hosts/example.com", `[{"host":"","ip":""}]`},
		{"/v1/services/_game._web.shop._tcp.pacer.", `[{"service":"_game._web.shop._tcp.pacer.","host":"` + one + `","ip":"10.0.0.1","port":"31001"}]`},
		{"/v1/services/_nobody._tcp.pacer", `[{"service":"","host":"","ip":"","port":""}]`},
		{"/v1/version", `{"Service":"Pacer","URL":"","Version":"1.2.3"}`},
	} {
		w := httptest.NewRecorder()
		e.HTTP().ServeHTTP(w, httptest.NewRequest("GET", c.path, nil))
		if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != c.want {
			t.Errorf("GET %s: want %s, got %d %s", c.path, c.want, w.Code, got)
		}
	}
}

func TestEnumerateListsEveryRecordByInstance(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, shop(instance(1, "10.0.0.1", 31000, 0, 0)))
	w := httptest.NewRecorder()

	e.HTTP().ServeHTTP(w, httptest.NewRequest("GET", "/v1/enumerate", nil))

	var got enumeration
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	one := label(1) + ".web.shop.pacer."
	want := enumeration{Frameworks: []enumFramework{{Name: "pacer", Tasks: []enumTask{{
		Name: "web.shop", ID: "shop_web.instance-" + uuid(1) + "._app.1", Records: []enumRecord{
			{"web.shop.pacer.", "10.0.0.1", "A"},
			{one, "10.0.0.1", "A"},
			{"web-shop.pacer.", "10.0.0.1", "A"},
			{"_web.shop._tcp.pacer.", one + ":31000", "SRV"},
			{"_http._web.shop._tcp.pacer.", one + ":31000", "SRV"},
		},
	}}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestTheConfigurationIsTold(t *testing.T) {
	e := newEnv(t, Config{Domain: "apps.example.com", Upstreams: []string{"10.0.0.53"}})
	w := httptest.NewRecorder()

	e.HTTP().ServeHTTP(w, httptest.NewRequest("GET", "/v1/config", nil))

	for _, want := range []string{`"Domain":"apps.example.com"`, `"TTL":1`, `"Resolvers":["10.0.0.53:53"]`, `"ExternalOn":true`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("want %s in %s", want, w.Body)
		}
	}
}

func TestAsMesosDNSForMarathon(t *testing.T) {
	e := newEnv(t, Config{Domain: "marathon.mesos"})
	e.serve(t, shop(instance(1, "10.0.0.1", 31000, 0, 0)))
	for path, want := range map[string]string{
		"/v1/config":                                  `"Domain":"mesos"`,
		"/v1/enumerate":                               `"name":"marathon"`,
		"/v1/hosts/web-shop.marathon.mesos.":          `"ip":"10.0.0.1"`,
		"/v1/services/_web-shop._tcp.marathon.mesos.": `"port":"31000"`,
	} {
		w := httptest.NewRecorder()
		e.HTTP().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: want %s in %s", path, want, w.Body)
		}
	}
}
