-- +goose Up

-- The groups that there are, and what each was before; gone is 1 in the version with
-- which a group was deleted.
CREATE TABLE groups (
    id  TEXT NOT NULL PRIMARY KEY,
    doc TEXT NOT NULL
);
CREATE TABLE group_versions (
    id      TEXT   NOT NULL,
    version BIGINT NOT NULL,
    gone    BIGINT NOT NULL,
    doc     TEXT   NOT NULL,
    PRIMARY KEY (id, version)
);

-- +goose Down
DROP TABLE group_versions;
DROP TABLE groups;
