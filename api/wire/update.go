package wire

import (
	"reflect"

	"pacer/apps"
)

// Create makes the spec of a complete definition. id wins over the app's own; where
// it is empty the app must have one.
func (a *App) Create(s Settings, id apps.ID) (*apps.App, error) {
	if id != "" {
		a.ID = string(id)
	}
	if a.ID == "" {
		return nil, &apps.Error{Kind: apps.Invalid, Message: "Invalid JSON",
			Details: []apps.FieldErrors{{Path: "/id", Errors: []string{"error.path.missing"}}}}
	}
	if err := a.Migrate(s); err != nil {
		return nil, err
	}
	if err := a.Complete(s); err != nil {
		return nil, err
	}
	return a.Spec(s)
}

// Update changes old by a partial update: each field that is there replaces the
// whole value. As in Marathon, executorResources and resourceLimits are cleared
// where the update is silent about them. update must have been migrated; it is not
// modified, so that it can be applied again to a newer app.
func Update(old *apps.App, update *App, s Settings) (*apps.App, error) {
	a := FromSpec(old)
	a.ExecutorResources, a.ResourceLimits = nil, nil
	a.overlay(update)
	if err := a.Complete(s); err != nil {
		return nil, err
	}
	next, err := a.Spec(s)
	if err != nil {
		return nil, err
	}
	return next, CheckUpdate(old, next)
}

// overlay replaces fields by those of the update that are there.
func (a *App) overlay(update *App) {
	to, from := reflect.ValueOf(a).Elem(), reflect.ValueOf(update).Elem()
	id := a.ID
	for i := range to.NumField() {
		if !from.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
	a.ID, a.Version, a.VersionInfo = id, nil, nil
	switch { // one of two: the new one takes the place of the old one
	case update.Args != nil && update.Cmd == nil && len(update.Args) > 0:
		a.Cmd = nil
	case update.Cmd != nil && update.Args == nil:
		a.Args = nil
	}
	if len(update.Networks) > 0 && value(update.Networks[0].Mode, "container") == string(apps.NetworkHost) && update.Container == nil && a.Container != nil {
		container := *a.Container // the mappings belonged to the network that was left
		container.PortMappings = nil
		a.Container = &container
	}
	a.unshare()
}

// unshare copies what Complete modifies, so that an update can be applied twice.
func (a *App) unshare() {
	fresh := func(p any) {
		v := reflect.ValueOf(p).Elem()
		v.Set(deepCopy(v))
	}
	fresh(&a.Networks)
	fresh(&a.Container)
	fresh(&a.PortDefinitions)
	fresh(&a.HealthChecks)
	fresh(&a.ReadinessChecks)
	fresh(&a.Constraints)
	fresh(&a.Fetch)
	fresh(&a.Dependencies)
	fresh(&a.Residency)
}

func deepCopy(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(deepCopy(v.Elem()))
		return p
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			s.Index(i).Set(deepCopy(v.Index(i)))
		}
		return s
	case reflect.Struct:
		s := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			s.Field(i).Set(deepCopy(v.Field(i)))
		}
		return s
	}
	return v // maps and plain values are never modified
}

// RollbackVersion is the version that an update asks to return to, if it is one:
// a body with a version and at most an id beside it. A whole answer of GET may be
// sent back, its version means nothing; that it is one is seen by its versionInfo.
// Any other use of version is refused with Invalid.
func (a *App) RollbackVersion() (v apps.Version, ok bool, err error) {
	if a.Version == nil || a.VersionInfo != nil {
		return 0, false, nil
	}
	rest := *a
	rest.ID, rest.Version = "", nil
	if !reflect.ValueOf(rest).IsZero() {
		return 0, false, apps.Errorf(apps.Invalid, "The 'version' field may only be combined with the 'id' field.")
	}
	v, err = apps.ParseVersion(*a.Version)
	return v, err == nil, err
}
