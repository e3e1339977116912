package store

import (
	"context"
	"errors"
)

func openPostgres(ctx context.Context, url string) (*DB, error) { return nil, errors.New("this build has no PostgreSQL engine; use sqlite:PATH") }
