package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
)

// A Persistent is what a volume that outlives its instance has to be. Pacer makes all
// three types as directories of the host.
type Persistent struct {
	Type        *string    `json:"type"`
	Size        *float64   `json:"size"`    // MiB
	MaxSize     *float64   `json:"maxSize"` // MiB; only of type mount
	ProfileName *string    `json:"profileName"`
	Constraints [][]string `json:"constraints"` // on the path; not of type root
}

func readPersistent(doc json.RawMessage) (p Persistent, err error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	return p, d.Decode(&p)
}

// volumeSize is the size in a document that checkPersistent accepted.
func volumeSize(doc json.RawMessage) int64 {
	if p, err := readPersistent(doc); err == nil && p.Size != nil {
		return int64(*p.Size)
	}
	return 0
}

// checkPersistent applies Marathon's rules for persistent volumes.
func checkPersistent(f *faults, v Volume, at string) {
	if segment := regexp.MustCompile(`^[^/]+$`); !segment.MatchString(v.ContainerPath) || v.ContainerPath == "." || v.ContainerPath == ".." {
		f.fail(at+"/containerPath", "must be a single path element, without slashes")
	}
	if v.Mode != nil && *v.Mode != "RW" {
		f.fail(at+"/mode", "must be RW: a persistent volume is there to be written to")
	}
	p, err := readPersistent(v.Persistent)
	if err != nil {
		f.fail(at+"/persistent", err.Error())
		return
	}
	kind := orDefault(value(p.Type, ""), "root")
	switch kind {
	case "root", "path", "mount":
	default:
		f.fail(at+"/persistent/type", fmt.Sprintf("%q is none of root, path, mount", kind))
	}
	switch {
	case p.Size == nil:
		f.fail(at+"/persistent/size", "error.path.missing")
	case *p.Size < 1 || *p.Size > 1<<40 || *p.Size != float64(int64(*p.Size)):
		f.fail(at+"/persistent/size", "must be a whole number of MiB, at least 1")
	case p.MaxSize != nil && (kind != "mount" && p.ProfileName == nil):
		f.fail(at+"/persistent/maxSize", "only a volume of type mount may have one")
	case p.MaxSize != nil && *p.MaxSize < *p.Size:
		f.fail(at+"/persistent/maxSize", "must be at least size")
	}
	if kind == "root" && len(p.Constraints) > 0 {
		f.fail(at+"/persistent/constraints", "a volume of type root takes none")
	}
	for i, c := range p.Constraints {
		if len(c) != 3 || c[0] != "path" || c[1] != "LIKE" && c[1] != "UNLIKE" {
			f.fail(index(at+"/persistent/constraints", i), `must be ["path", "LIKE" or "UNLIKE", an expression]`)
		}
	}
}
