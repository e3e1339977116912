package cluster

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pacer/apps"
)

// rows are the instances that a step stored, as a store gives them back.
func rows(saved []*apps.Instance) (out []apps.Instance) {
	for _, in := range saved {
		out = append(out, *in)
	}
	return out
}

func TestALaunchTellsEachInstanceInEveryState(t *testing.T) {
	for _, n := range []int{1, 200} { // many share their memory
		w := newWorld(t, "h1", "h2", "h3")
		before := w.s.seq
		spec := web(n)
		spec.Needs = apps.Resources{CPU: 10, Mem: 10}
		fx := w.step(Change{Deployment: "d", Put: []PutApp{{App: spec}}})
		all := slices.Collect(fx.Save.Notices.All())
		if len(all) != fx.Save.Notices.Len() || fx.Save.Notices.First() != before+1 || fx.Save.Notices.Last() != w.s.seq {
			t.Fatalf("%d notices, from %d to %d, after %d", len(all), fx.Save.Notices.First(), fx.Save.Notices.Last(), before)
		}
		told := map[string][]string{}
		for i, notice := range all {
			if notice.Seq != before+1+uint64(i) || !notice.At.Equal(fx.Save.Notices.at) {
				t.Fatalf("notice %d is number %d of %v", i, notice.Seq, notice.At)
			}
			in := notice.Instance
			if in == nil {
				continue
			}
			told[in.ID] = append(told[in.ID], notice.Type+" "+notice.Status)
			if placed := notice.Status != "Scheduled"; placed != (in.Host != "") || placed != (in.State == apps.Starting) || placed != (len(in.Ports) > 0) || in.Since.IsZero() || notice.App != in.App || notice.Version != in.Version {
				t.Fatalf("told of %+v in %+v", in, notice)
			}
		}
		if len(told) != n {
			t.Fatalf("told of %d instances, want %d", len(told), n)
		}
		want := []string{"instance_changed_event Scheduled", "instance_changed_event Provisioned", "status_update_event TASK_STAGING", "instance_changed_event Staging"}
		for id, words := range told {
			if !slices.Equal(words, want) {
				t.Fatalf("%s: told %q, want %q", id, words, want)
			}
		}
	}
}

// TestACopyIsMadeAnewWhenAnythingChanged changes every field of an instance, one by one.
func TestACopyIsMadeAnewWhenAnythingChanged(t *testing.T) {
	was := apps.Instance{ID: "i", Ports: []int{1, 2}}
	if now := was; !same(&was, &now) {
		t.Error("nothing has changed, but it is not the same")
	}
	fields := reflect.TypeFor[apps.Instance]()
	for i := range fields.NumField() {
		now := was
		change(t, reflect.ValueOf(&now).Elem().Field(i))
		if same(&was, &now) {
			t.Errorf("%s has changed, but it is taken for the same", fields.Field(i).Name)
		}
	}
}

func change(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint64, reflect.Uint8:
		v.SetUint(v.Uint() + 1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), v.Len()+1, v.Len()+1))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Second)))
			return
		}
		for i := range v.NumField() {
			change(t, v.Field(i))
		}
	default:
		t.Fatalf("no way to change a %s", v.Kind())
	}
}

func TestNoticesWithAHoleAreRefused(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("notice 6 follows notice 4, and nobody minds")
		}
	}()
	NoticesOf(apps.Notice{Seq: 4}, apps.Notice{Seq: 6})
}
