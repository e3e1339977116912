package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A description is openapi.yaml, ready to judge answers by.
type description struct {
	paths   map[string]map[string]any // by path, by method and "parameters"
	forms   []pathForm                // the most literal first
	schemas *jsonschema.Compiler
	mu      sync.Mutex
	known   map[string]*jsonschema.Schema
}

type pathForm struct {
	path    string
	form    *regexp.Regexp
	literal int
}

var describe = sync.OnceValues(func() (*description, error) {
	raw, err := openAPI()
	if err != nil {
		return nil, err
	}
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	whole, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	if err != nil {
		return nil, err
	}
	d := &description{paths: doc.Paths, schemas: jsonschema.NewCompiler(), known: map[string]*jsonschema.Schema{}}
	if err := d.schemas.AddResource("openapi.json", whole); err != nil {
		return nil, err
	}
	for path := range doc.Paths {
		literal := 0
		form := regexp.MustCompile(`\\\{[^}]*\\\}`).ReplaceAllString(regexp.QuoteMeta(path), `.+?`)
		for part := range strings.SplitSeq(path, "/") {
			if !strings.HasPrefix(part, "{") || strings.Contains(part, "::") {
				literal++
			}
		}
		d.forms = append(d.forms, pathForm{path, regexp.MustCompile("^" + form + "$"), literal})
	}
	slices.SortFunc(d.forms, func(a, b pathForm) int {
		if a.literal != b.literal {
			return b.literal - a.literal
		}
		return strings.Compare(a.path, b.path)
	})
	return d, nil
})

// find is the described path that a request's path means; empty: there is none.
func (d *description) find(path string) string {
	path = regexp.MustCompile(`/+`).ReplaceAllString(path, "/")
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	for _, f := range d.forms {
		if f.form.MatchString(path) {
			return f.path
		}
	}
	return ""
}

// conform holds an answer of any test against the description.
func conform(t testing.TB, method, target string, status int, header http.Header, body string) {
	t.Helper()
	d, err := describe()
	if err != nil {
		t.Fatal(err)
	}
	path, _, _ := strings.Cut(target, "?")
	path = strings.TrimPrefix(strings.TrimPrefix(path, "/service/marathon"), "/service/metronome")
	at := d.find(path)
	if at == "" {
		if status < 400 && status != http.StatusFound && method != http.MethodOptions && !strings.HasPrefix(path, "/ui") && path != "/openapi" {
			t.Errorf("%s %s answers %d, and openapi.yaml does not know it", method, target, status)
		}
		return
	}
	if status == http.StatusMethodNotAllowed || status == http.StatusNotModified || method == http.MethodOptions || method == http.MethodHead {
		return
	}
	operation, known := d.paths[at][strings.ToLower(method)].(map[string]any)
	if !known {
		if status < 400 {
			t.Errorf("%s %s answers %d, but openapi.yaml has no %s for %s", method, target, status, method, at)
		}
		return
	}
	responses := operation["responses"].(map[string]any)
	code := fmt.Sprint(status)
	if responses[code] == nil {
		if status < 400 {
			t.Errorf("%s %s answers %d, which openapi.yaml does not say of %s", method, target, status, at)
			return
		}
		code = "default"
	}
	kind, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	pointer := fmt.Sprintf("#/paths/%s/%s/responses/%s", escape(at), strings.ToLower(method), code)
	if code == "default" {
		pointer = "#/components/responses/Error"
		kind = "application/json"
	}
	content, _ := responses[code].(map[string]any)["content"].(map[string]any)
	switch {
	case body == "" && (content == nil || status >= 400):
		return
	case code != "default" && content[kind] == nil:
		t.Errorf("%s %s answers %d with %q, which openapi.yaml does not say of %s", method, target, status, kind, at)
		return
	case kind != "application/json" || header.Get("Content-Encoding") != "":
		return
	}
	d.judge(t, pointer+"/content/application~1json/schema", fmt.Sprintf("%s %s %d", method, target, status), body)
}

func escape(path string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(path, "~", "~0"), "/", "~1"), "%", "%25")
}

func (d *description) judge(t testing.TB, pointer, what, body string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	schema := d.known[pointer]
	if schema == nil {
		pointer := strings.NewReplacer("{", "%7B", "}", "%7D").Replace(pointer)
		var err error
		if schema, err = d.schemas.Compile("openapi.json" + pointer); err != nil {
			t.Fatalf("%s: %v", pointer, err)
		}
		d.known[pointer] = schema
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		t.Errorf("%s is no JSON: %v\n%s", what, err, body)
		return
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("%s is not as openapi.yaml says: %v\n%s", what, err, body)
	}
}

// undescribed are not part of the API.
var undescribed = []string{"/", "/ui", "/ui/*", "/openapi", "/v2/plugins/{id}", "/v2/plugins/{id}/*"}

func TestOpenAPIKnowsEveryRoute(t *testing.T) {
	d, err := describe()
	if err != nil {
		t.Fatal(err)
	}
	router := chi.NewRouter()
	door := &door{Config: newLedger().config()}
	door.routes(router)
	seen := map[string]bool{}
	if err := chi.Walk(router, func(_, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		seen[route] = true
		return nil
	}); err != nil || len(seen) < 20 {
		t.Fatalf("the router has %d routes, %v", len(seen), err)
	}
	for _, route := range slices.Sorted(maps.Keys(seen)) {
		if slices.Contains(undescribed, route) {
			continue
		}
		prefix, open := strings.CutSuffix(route, "/*")
		prefix = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(prefix, "{}")
		if !slices.ContainsFunc(d.forms, func(f pathForm) bool {
			path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(f.path, "{}")
			return path == prefix || open && strings.HasPrefix(path, prefix+"/")
		}) {
			t.Errorf("openapi.yaml does not know the route %s", route)
		}
	}
}

func TestOpenAPIHasTheMethodsOfEveryPath(t *testing.T) {
	d, err := describe()
	if err != nil {
		t.Fatal(err)
	}
	server := serve(t, newPlatform(t).config())
	for _, f := range d.forms {
		target := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(f.path, "x")
		x := do(t, server, "OPTIONS", target, "")
		var want []string
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
			if d.paths[f.path][strings.ToLower(method)] == nil {
				continue
			}
			if want = append(want, method); method == "GET" {
				want = append(want, "HEAD")
			}
		}
		if got := x.header.Get("Allow"); got != strings.Join(append(want, "OPTIONS"), ", ") {
			t.Errorf("%s: the server allows %q, openapi.yaml has %v", f.path, got, want)
		}
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	server := serve(t, newPlatform(t).config())
	x := do(t, server, "GET", "/openapi.json", "")
	var doc struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(x.body), &doc); err != nil || x.status != 200 || !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Paths) < 30 {
		t.Errorf("got %d, %v, %s", x.status, err, x.body[:min(len(x.body), 100)])
	}
	if page := do(t, server, "GET", "/openapi", ""); page.status != 200 || !strings.Contains(page.body, "openapi.json") {
		t.Errorf("the reference page: %d", page.status)
	}
}
