// Package migrations is the schema of the store, as numbered SQL files in goose's
// form. One text serves both engines: times are BIGINT milliseconds since 1970
// UTC, documents are JSON text.
//
// A migration that has been released is never edited: the next one changes what
// it made.
package migrations

import "embed"

// FS holds the files.
//
//go:embed *.sql
var FS embed.FS
