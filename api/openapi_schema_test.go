package api

import (
	"bytes"
	flags "flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacer/api/wire"
)

var update = flags.Bool("update", false, "write the schemas of openapi.yaml anew")

// described are the types of package wire that the description names itself; those
// that they are made of come along.
var described = []any{
	wire.App{}, wire.Pod{}, wire.PodStatus{}, wire.PodInstance{}, wire.AppInfo{}, wire.Apps{}, wire.OneApp{}, wire.Versions{}, wire.DeploymentResult{}, wire.Tasks{}, wire.OneTask{}, wire.TaskIDs{},
	wire.Deployment{}, wire.Queue{}, wire.Info{}, wire.Leader{}, wire.Plugins{}, wire.Error{}, wire.Message{}, wire.GroupInfo{}, wire.GroupUpdate{}, wire.GroupSteps{},
	wire.Callbacks{}, wire.CallbackEvent{}, wire.Hosts{}, wire.HostUpdate{}, wire.Discovered{}, wire.DeploymentStatus{}, wire.DeploymentList{}, wire.LeaderInfo{}, wire.Forecast{},
	wire.FailureList{}, wire.EndedTasks{}, wire.Routes{}, wire.Explanation{}, wire.Volumes{},
	wire.Roles{}, wire.RoleUpdate{}, wire.RoleDetail{}, wire.Decisions{},
	wire.ClusterSettings{}, wire.SettingsUpdate{}, wire.RebalanceRequest{}, wire.Rebalance{}, wire.Moving{},
	wire.Job{}, wire.JobInfo{}, wire.Schedule{}, wire.Run{}, wire.QueuedRuns{}, wire.RunStory{}, wire.RunStories{},
}

// special are the types that write themselves in more than one form.
var special = map[string]map[string]any{
	"EnvVar":              {"oneOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "object", "properties": map[string]any{"secret": map[string]any{"type": "string"}}, "required": []any{"secret"}}}},
	"Limit":               {"oneOf": []any{map[string]any{"type": "number"}, map[string]any{"const": "unlimited"}}},
	"UnreachableStrategy": {"oneOf": []any{map[string]any{"const": "disabled"}, map[string]any{"type": "object", "properties": map[string]any{"inactiveAfterSeconds": map[string]any{"type": "integer"}, "expungeAfterSeconds": map[string]any{"type": "integer"}}}}},
}

const schemasMark = "    # What follows is written from the types of package wire.\n"

func TestOpenAPISchemasAreThoseOfTheWire(t *testing.T) {
	hand, _, found := strings.Cut(string(openAPIText), schemasMark)
	if !found {
		t.Fatal("openapi.yaml has lost its mark")
	}
	s := schemas{docs: wireDocs(t), made: map[string]map[string]any{}}
	for _, v := range described {
		s.of(reflect.TypeOf(v))
	}
	var text bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(s.made)) {
		write(&text, 4, name, s.made[name])
	}
	want := hand + schemasMark + text.String()
	if *update {
		if err := os.WriteFile("openapi.yaml", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(openAPIText)); diff != "" {
		t.Errorf("openapi.yaml is behind: go test ./api -run OpenAPI -update (-want +got)\n%s", diff)
	}
}

type schemas struct {
	docs map[string]map[string]string // type, field: comment; the type's own under ""
	made map[string]map[string]any
}

// of is the schema of a type; a struct is named, and referred to.
func (s *schemas) of(t reflect.Type) map[string]any {
	switch {
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem())
	case t.Name() == "RawMessage":
		return map[string]any{}
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case t.Kind() == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem())}
	case t.Kind() == reflect.Struct:
		if s.made[t.Name()] == nil {
			s.made[t.Name()] = map[string]any{} // it may refer to itself
			s.made[t.Name()] = s.object(t)
		}
		return map[string]any{"$ref": "#/components/schemas/" + t.Name()}
	}
	switch t.Kind() {
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Interface:
		return map[string]any{}
	default:
		return map[string]any{"type": "integer"}
	}
}

func (s *schemas) object(t reflect.Type) map[string]any {
	out := map[string]any{}
	if form, ok := special[t.Name()]; ok {
		out = maps.Clone(form)
	} else {
		properties, required := map[string]any{}, []any{}
		s.fields(t, properties, &required)
		out["type"], out["properties"], out["additionalProperties"] = "object", properties, false
		if len(required) > 0 {
			out["required"] = required
		}
	}
	if doc := s.docs[t.Name()][""]; doc != "" {
		out["description"] = doc
	}
	return out
}

func (s *schemas) fields(t reflect.Type, properties map[string]any, required *[]any) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.fields(f.Type, properties, required)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = f.Name
		}
		p := s.of(f.Type)
		if f.Type.Kind() == reflect.Pointer && p["type"] == "string" && !strings.Contains(rest, "omit") {
			p["type"] = []any{"string", "null"} // Metronome's way of saying that there is none
		}
		if _, ref := p["$ref"]; !ref {
			bound(p, f.Tag.Get("rule"))
		}
		if doc := s.docs[t.Name()][f.Name]; doc != "" {
			p["description"] = doc
		}
		properties[name] = p
		if !strings.Contains(rest, "omit") {
			*required = append(*required, name)
		}
	}
}

// bound adds the rules that fields are read by; those of lists and maps hold for
// their items.
func bound(p map[string]any, rule string) {
	at := p
	if items, ok := p["items"].(map[string]any); ok {
		at = items
	} else if values, ok := p["additionalProperties"].(map[string]any); ok {
		at = values
	}
	for word := range strings.FieldsSeq(rule) {
		name, arg, _ := strings.Cut(word, "=")
		n, err := strconv.ParseFloat(arg, 64)
		switch {
		case name == "enum":
			at["enum"] = []any{}
			for v := range strings.SplitSeq(arg, "|") {
				at["enum"] = append(at["enum"].([]any), v)
			}
		case name == "min" && err == nil:
			at["minimum"] = n
		case name == "max" && err == nil:
			at["maximum"] = n
		case name == "maxItems" && err == nil:
			p["maxItems"] = n
		case (name == "minLength" || name == "maxLength") && err == nil && at["type"] == "string":
			at[name] = n
		}
	}
}

var blanks = regexp.MustCompile(`\s+`)

// wireDocs are the comments of package wire.
func wireDocs(t *testing.T) map[string]map[string]string {
	t.Helper()
	entries, err := os.ReadDir("wire")
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]map[string]string{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), "wire/"+entry.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok {
				return true
			}
			for _, one := range decl.Specs {
				spec, ok := one.(*ast.TypeSpec)
				if !ok {
					continue
				}
				of := map[string]string{"": plain(decl.Doc)}
				if st, ok := spec.Type.(*ast.StructType); ok {
					for _, f := range st.Fields.List {
						for _, name := range f.Names {
							of[name.Name] = plain(f.Doc) + plain(f.Comment)
						}
					}
				}
				docs[spec.Name.Name] = of
			}
			return true
		})
	}
	return docs
}

func plain(c *ast.CommentGroup) string {
	return strings.TrimSpace(blanks.ReplaceAllString(c.Text(), " "))
}

// write writes one entry of a mapping as YAML, with sorted keys.
func write(w *bytes.Buffer, indent int, key string, v any) {
	pad := strings.Repeat(" ", indent)
	if !regexp.MustCompile(`^[$A-Za-z_][-A-Za-z0-9_]*$`).MatchString(key) {
		key = strconv.Quote(key)
	}
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			fmt.Fprintf(w, "%s%s: {}\n", pad, key)
			return
		}
		fmt.Fprintf(w, "%s%s:\n", pad, key)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			write(w, indent+2, k, v[k])
		}
	case []any:
		fmt.Fprintf(w, "%s%s:\n", pad, key)
		for _, item := range v {
			m, ok := item.(map[string]any)
			if !ok {
				fmt.Fprintf(w, "%s  - %s\n", pad, strconv.Quote(fmt.Sprint(item)))
				continue
			}
			fmt.Fprintf(w, "%s  -\n", pad)
			for _, k := range slices.Sorted(maps.Keys(m)) {
				write(w, indent+4, k, m[k])
			}
		}
	case string:
		fmt.Fprintf(w, "%s%s: %s\n", pad, key, strconv.Quote(v))
	case float64:
		fmt.Fprintf(w, "%s%s: %s\n", pad, key, strconv.FormatFloat(v, 'f', -1, 64))
	default:
		fmt.Fprintf(w, "%s%s: %v\n", pad, key, v)
	}
}
