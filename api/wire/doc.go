// Package wire is the JSON that Pacer speaks: Marathon's REST v2, field for
// field, and Pacer's own words under /pacer/v1. The handlers answer with these
// structs, the client decodes into them, and nobody else needs to know that
// Marathon writes cpus as floats and has three spellings of a port.
//
// An optional field that is absent is the zero value of its type (nil pointer,
// map or slice); an empty map or slice that is there is not nil. Encoding keeps
// the difference (omitzero).
//
// Read turns a body into a struct and says what is wrong with it in Marathon's
// words, with Marathon's paths. An app then goes three ways: Migrate turns old
// forms into new ones, Complete fills in what Marathon assumes, Spec judges the
// result and makes the apps.App of it. FromSpec is the way back.
package wire
