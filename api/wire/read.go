package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"pacer/apps"
)

// Read reads body into the struct or slice that v points to, the way Marathon
// does: null is absent, names are matched to the letter, and names that nobody
// knows are left alone. Marathon ignores them too (clients of later versions must
// work with earlier servers); unknown lists their paths, so that a user can be
// told of a misspelling.
//
// It fails with an *apps.Error: Malformed where body is no JSON or of the wrong
// kind altogether; Invalid, with every fault and its path, where a field has the
// wrong type, is missing or breaks one of the bounds in its rule tag:
//
//	required               must be there: error.path.missing
//	min=N max=N            of a number: error.min, error.max
//	minLength= maxLength=  of a string: error.minLength, error.maxLength
//	minItems= maxItems=    of a list: the same two
//	enum=A|B               error.unknown.enum.literal
//	pattern=NAME           one of patterns: error.pattern
//	object                 raw JSON that must be an object
//
// Rules of a list's field that are about numbers or strings are about its items.
func Read(body []byte, v any) (unknown []string, err error) {
	tree, err := parse(body)
	if err != nil {
		return nil, err
	}
	target := reflect.ValueOf(v).Elem()
	switch tree.(type) {
	case map[string]any:
		if target.Kind() == reflect.Slice {
			return nil, noData("expected a JSON array, got an object")
		}
	case []any:
		if target.Kind() != reflect.Slice {
			return nil, noData("expected a JSON object, got an array")
		}
	default:
		return nil, noData("expected a JSON object or array")
	}
	var r reader
	r.set(tree, target, "", rule{})
	if err := r.err("Invalid JSON"); err != nil {
		return nil, err
	}
	return r.unknown, nil
}

func parse(body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, noData("No content to map due to end-of-input")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var tree any
	err := dec.Decode(&tree)
	if err == nil {
		if _, end := dec.Token(); !errors.Is(end, io.EOF) {
			err = fmt.Errorf("unexpected data after the JSON value, at byte %d", dec.InputOffset())
		}
	}
	if err != nil {
		return nil, &apps.Error{Kind: apps.Malformed, Message: "Invalid JSON", Err: err}
	}
	return tree, nil
}

func noData(details string) error {
	return &apps.Error{Kind: apps.Malformed, Message: "Please specify data in JSON format", Err: errors.New(details)}
}

// maxFaults bounds the answer to a body that is wrong in thousands of places.
const maxFaults = 1000

// A reader walks a tree of JSON beside the Go value it fills, and gathers what is
// wrong and what is unknown.
type reader struct {
	faults
	unknown []string
}

// A custom type reads itself.
type custom interface {
	read(value any, at string, r *reader)
}

// set fills v from value, which may be nil: null, or not there.
func (r *reader) set(value any, v reflect.Value, at string, rule rule) {
	if value == nil {
		if rule.required {
			r.fail(at, "error.path.missing")
		}
		return
	}
	if v.CanAddr() {
		if c, ok := v.Addr().Interface().(custom); ok {
			c.read(value, at, r)
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.set(value, v.Elem(), at, rule)
	case reflect.String:
		if s, ok := value.(string); ok {
			v.SetString(r.text(s, at))
			rule.text(r, s, at)
		} else {
			r.fail(at, "error.expected.jsstring")
		}
	case reflect.Bool:
		if b, ok := value.(bool); ok {
			v.SetBool(b)
		} else {
			r.fail(at, "error.expected.jsboolean")
		}
	case reflect.Int:
		r.setInt(value, v, at, rule)
	case reflect.Float64:
		if n, ok := value.(json.Number); ok {
			if f, ok := r.float(n, at); ok {
				v.SetFloat(f)
				rule.number(r, f, at)
			}
		} else {
			r.fail(at, "error.expected.jsnumber")
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			r.setRaw(value, v, at, rule)
			return
		}
		list, ok := value.([]any)
		if !ok {
			r.fail(at, "error.expected.jsarray")
			return
		}
		rule.items(r, len(list), at)
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i, item := range list {
			here := at + "(" + strconv.Itoa(i) + ")"
			if item == nil {
				r.fail(here, missingOf(v.Type().Elem()))
				continue
			}
			r.set(item, v.Index(i), here, rule.item())
		}
	case reflect.Map:
		object, ok := value.(map[string]any)
		if !ok {
			r.fail(at, "error.expected.jsobject")
			return
		}
		v.Set(reflect.MakeMapWithSize(v.Type(), len(object)))
		for _, name := range slices.Sorted(maps.Keys(object)) {
			item := reflect.New(v.Type().Elem()).Elem()
			here := at + "/" + r.text(name, at)
			if object[name] == nil {
				r.fail(here, missingOf(v.Type().Elem()))
				continue
			}
			r.set(object[name], item, here, rule.item())
			v.SetMapIndex(reflect.ValueOf(name), item)
		}
	case reflect.Struct:
		r.setStruct(value, v, at)
	default:
		panic("wire: no case for " + v.Type().String())
	}
}

// into fills the struct that p points to.
func (r *reader) into(value, p any, at string) { r.set(value, reflect.ValueOf(p).Elem(), at, rule{}) }

func (r *reader) setStruct(value any, v reflect.Value, at string) {
	object, ok := value.(map[string]any)
	if !ok {
		r.fail(at, "error.expected.jsobject")
		return
	}
	s := shapeOf(v.Type())
	for _, f := range s.fields {
		r.set(object[f.name], v.Field(f.index), at+"/"+f.name, f.rule)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !s.known[name] && len(r.unknown) < maxFaults {
			r.unknown = append(r.unknown, at+"/"+name)
		}
	}
}

// A shape is what a struct's tags say, read once.
type shape struct {
	fields []shapeField
	known  map[string]bool
}

type shapeField struct {
	name  string
	index int
	rule  rule
}

var shapes sync.Map // reflect.Type → *shape

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := &shape{known: make(map[string]bool, t.NumField())}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		s.known[name] = true
		s.fields = append(s.fields, shapeField{name, i, ruleOf(t.Field(i))})
	}
	if z, ok := reflect.Zero(t).Interface().(interface{ ignored() []string }); ok {
		for _, name := range z.ignored() {
			s.known[name] = true
		}
	}
	shapes.Store(t, s)
	return s
}

// setInt takes 3, and 3.0 too, as Marathon does; numbers are 32 bits wide there.
func (r *reader) setInt(value any, v reflect.Value, at string, rule rule) {
	n, ok := value.(json.Number)
	if !ok {
		r.fail(at, "error.expected.jsnumber")
		return
	}
	f, ok := r.float(n, at)
	if !ok {
		return
	}
	if f != math.Trunc(f) || f < math.MinInt32 || f > math.MaxInt32 {
		r.fail(at, "error.expected.int")
		return
	}
	v.SetInt(int64(f))
	rule.number(r, f, at)
}

func (r *reader) setRaw(value any, v reflect.Value, at string, rule rule) {
	if _, ok := value.(map[string]any); rule.object && !ok {
		r.fail(at, "error.expected.jsobject")
		return
	}
	raw, err := json.Marshal(value) // sorted keys, no blanks: equal JSON is equal bytes
	if err != nil {
		r.fail(at, "error.expected.jsobject")
		return
	}
	v.SetBytes(raw)
}

func (r *reader) float(n json.Number, at string) (float64, bool) {
	f, err := n.Float64()
	if err != nil {
		r.fail(at, "error.expected.jsnumber")
		return 0, false
	}
	return f, true
}

// text refuses the NUL character, which no environment, label or database can hold.
func (r *reader) text(s, at string) string {
	if strings.ContainsRune(s, 0) {
		r.fail(at, "must not contain the NUL character")
	}
	return s
}

func missingOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Float64:
		return "error.expected.jsnumber"
	case reflect.Slice:
		return "error.expected.jsarray"
	case reflect.String:
		return "error.expected.jsstring"
	}
	if t == reflect.TypeFor[EnvVar]() {
		return "error.expected.jsstring"
	}
	return "error.expected.jsobject"
}

// faults gathers messages by path, in the order they were found.
type faults struct{ list []apps.FieldErrors }

// fail adds a message to a path; the empty path is the root, "/".
func (f *faults) fail(at, message string) {
	if len(f.list) >= maxFaults {
		return
	}
	if at == "" {
		at = "/"
	}
	for i := range f.list {
		if f.list[i].Path == at {
			if !slices.Contains(f.list[i].Errors, message) {
				f.list[i].Errors = append(f.list[i].Errors, message)
			}
			return
		}
	}
	f.list = append(f.list, apps.FieldErrors{Path: at, Errors: []string{message}})
}

func (f *faults) err(message string) error {
	if len(f.list) == 0 {
		return nil
	}
	return &apps.Error{Kind: apps.Invalid, Message: message, Details: f.list}
}

// A rule is a field's bounds.
type rule struct {
	required, object     bool
	min, max             *float64
	minLength, maxLength *float64
	minItems, maxItems   *float64
	enum                 []string
	pattern              *regexp.Regexp
}

// patterns are the forms of names; see Marathon's schema.
var patterns = map[string]*regexp.Regexp{
	"executor":    regexp.MustCompile(`^(//cmd|/?[^/]+(/[^/]+)*|)$`),
	"portName":    regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`),
	"jobID":       regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9]+)*)([.][a-z0-9]([a-z0-9-]*[a-z0-9]+)*)*$`),
	"networkName": regexp.MustCompile(`^[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`),
}

func ruleOf(field reflect.StructField) (r rule) {
	for _, word := range strings.Fields(field.Tag.Get("rule")) {
		name, arg, _ := strings.Cut(word, "=")
		switch name {
		case "required":
			r.required = true
		case "object":
			r.object = true
		case "enum":
			r.enum = strings.Split(arg, "|")
		case "pattern":
			r.pattern = patterns[arg]
		default:
			n, err := strconv.ParseFloat(arg, 64)
			at := map[string]**float64{
				"min": &r.min, "max": &r.max, "minLength": &r.minLength, "maxLength": &r.maxLength,
				"minItems": &r.minItems, "maxItems": &r.maxItems,
			}[name]
			if err != nil || at == nil {
				panic("wire: " + field.Name + " has the rule " + word)
			}
			*at = &n
		}
	}
	return r
}

// item is the rule for the items of a list or map.
func (u rule) item() rule {
	u.required, u.minItems, u.maxItems = false, nil, nil
	return u
}

func (u rule) number(r *reader, n float64, at string) {
	if u.min != nil && n < *u.min {
		r.fail(at, "error.min")
	}
	if u.max != nil && n > *u.max {
		r.fail(at, "error.max")
	}
}

func (u rule) text(r *reader, s, at string) {
	n := float64(utf8.RuneCountInString(s))
	switch {
	case u.minLength != nil && n < *u.minLength:
		r.fail(at, "error.minLength")
	case u.maxLength != nil && n > *u.maxLength:
		r.fail(at, "error.maxLength")
	case u.enum != nil && !slices.Contains(u.enum, s):
		r.fail(at, "error.unknown.enum.literal")
	case u.pattern != nil && !u.pattern.MatchString(s):
		r.fail(at, "error.pattern")
	}
}

func (u rule) items(r *reader, n int, at string) {
	if u.minItems != nil && float64(n) < *u.minItems {
		r.fail(at, "error.minLength")
	}
	if u.maxItems != nil && float64(n) > *u.maxItems {
		r.fail(at, "error.maxLength")
	}
}
