package apps

import (
	"strings"
	"time"
)

// A Claim is the persistent volumes of one instance: directories on one host that
// outlive it. Who comes after it takes the claim over, on that host, and only when
// nobody else can hold it any more. It is given up by a wipe or with its app, never
// because something is missing from a list. (Marathon: the reservation of a
// resident task.)
type Claim struct {
	ID    string    `json:"id"` // the instance it was made for
	App   ID        `json:"app"`
	Host  string    `json:"host"`
	Role  string    `json:"role"`
	Needs Resources `json:"needs"` // kept free on the host while no instance holds it
	Paths []string  `json:"paths"` // container paths of the volumes
	Since time.Time `json:"since"`
	// Made: an instance has run with it. Its directories are never made anew: where they
	// are missing, data is.
	Made bool `json:"made,omitempty"`
	Wipe bool `json:"wipe,omitempty"` // its host is to delete it
}

// PersistenceID is Marathon's id of one of the claim's volumes:
// "shop_db#data#0d6e7bdb-…".
func (c *Claim) PersistenceID(path string) string {
	return c.App.Flat() + "#" + path + "#" + c.UUID()
}

// UUID is the part of the claim's id after the app.
func (c *Claim) UUID() string {
	return c.ID[strings.LastIndex(c.ID, ".instance-")+len(".instance-"):]
}

// Persistent are the container paths of the volumes that outlive an instance.
func (a *App) Persistent() (paths []string) {
	if a.Container == nil {
		return nil
	}
	for _, v := range a.Container.Volumes {
		if v.Size > 0 {
			paths = append(paths, v.ContainerPath)
		}
	}
	return paths
}

// Resident reports whether instances keep data on their host: they stay there, and
// there are never more of them than wanted (Marathon's rule).
func (a *App) Resident() bool {
	if a.Container == nil {
		return false
	}
	for _, v := range a.Container.Volumes {
		if v.Size > 0 {
			return true
		}
	}
	return false
}

// VolumeSize is how much disk the persistent volumes take, MiB. It is part of Needs.
func (a *App) VolumeSize() (sum int64) {
	if a.Container == nil {
		return 0
	}
	for _, v := range a.Container.Volumes {
		sum += v.Size
	}
	return sum
}
