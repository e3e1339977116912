package wire

import (
	"regexp"
	"slices"
	"strings"

	"pacer/apps"
)

// Marathon's rules for ids, to the letter: they are part of its messages.
const (
	idPattern      = `^(\/?((\.\.)|(([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9]))?($|\/))+$`
	segmentPattern = `^(([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])|(\.|\.\.)$`
)

var (
	idForm      = regexp.MustCompile(idPattern)
	segmentForm = regexp.MustCompile(`^(?:` + segmentPattern[1:len(segmentPattern)-1] + `)$`)
)

// strictNamePattern is the form of the names of a pod's variables.
const strictNamePattern = `^[a-zA-Z_][a-zA-Z0-9_]{0,253}$`

var strictName = regexp.MustCompile(strictNamePattern)

// maxIDLength bounds an id; with it an id fits any label, subject and file name we make of it.
const maxIDLength = 256

// reserved are the verbs of the API: an app of that name could not be reached.
var reserved = []string{"restart", "tasks", "versions", ".", ".."}

// Absolute is the id that is meant by id inside the group base: without doubled
// slashes, "." and "..". An id that starts with a slash is absolute already.
func Absolute(base apps.ID, id string) apps.ID {
	path := id
	if !strings.HasPrefix(id, "/") {
		path = string(base) + "/" + id
	}
	var elements []string
	for _, el := range strings.Split(path, "/") {
		switch el {
		case "", ".":
		case "..":
			elements = elements[:max(len(elements)-1, 0)]
		default:
			elements = append(elements, el)
		}
	}
	return apps.ID("/" + strings.Join(elements, "/"))
}

// checkID judges an id as it was written.
func (f *faults) checkID(id, at string) {
	if len(id) > maxIDLength {
		f.fail(at, "error.maxLength")
		return
	}
	if !idForm.MatchString(id) {
		f.fail(at, "must fully match regular expression '"+idPattern+"'")
	}
	elements := apps.ID(id).Elements()
	if len(elements) == 0 {
		f.fail(at, "Path must contain at least one path element")
		return
	}
	for _, el := range elements {
		if !segmentForm.MatchString(el) {
			f.fail(at, "must fully match regular expression '"+segmentPattern+"'")
		}
	}
	if slices.Contains(reserved, elements[len(elements)-1]) {
		f.fail(at, "must not end with any of the following reserved keywords: "+strings.Join(reserved, ", "))
	}
}

// CheckGroupID judges the id of a group; "/" is one.
func CheckGroupID(id apps.ID) error {
	var f faults
	if id != "/" {
		f.checkID(string(id), "/id")
	}
	return f.err(notValid)
}
