-- +goose Up

-- Work that is done and over, with its schedules and how far they have come.
CREATE TABLE jobs (
    id  TEXT NOT NULL PRIMARY KEY,
    doc TEXT NOT NULL
);

-- The active runs of jobs, and the newest that ended of each.
CREATE TABLE runs (
    id  TEXT NOT NULL PRIMARY KEY,
    job TEXT NOT NULL,
    doc TEXT NOT NULL
);

-- +goose Down
DROP TABLE runs;
DROP TABLE jobs;
