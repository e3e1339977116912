package store

import (
	"fmt"
	"reflect"
	"time"

	"pacer/apps"
)

// today is of our days: what is older than a week is pruned.
var today = time.Now().Truncate(time.Second).UTC()

// A filler makes values in which every field is set, each to something else, so
// that a round trip through the store shows any field that gets lost, those of
// tomorrow included.
type filler struct{ n int }

func filled[T any](f *filler) T {
	var v T
	f.fill(reflect.ValueOf(&v).Elem())
	return v
}

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = today.Add(time.Duration(f.n) * time.Millisecond)
		return
	case *apps.Raw:
		*p = apps.Raw(fmt.Sprintf(`{"kept":"as <it> & came %d"}`, f.n))
		return
	case *apps.State:
		*p = apps.Running
		return
	case *apps.DeploymentState:
		*p = apps.DeploymentRunning
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text <%d> ü\x00", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.n))
	case reflect.Float64:
		v.SetFloat(float64(f.n) + 0.25)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			f.fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(key)
			f.fill(value)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	default:
		panic(fmt.Sprintf("fill: no case for %v", v.Type()))
	}
}
