-- +goose Up

-- How the cluster is shared: the roles that were set, and what each was before.
CREATE TABLE roles (
    name TEXT NOT NULL PRIMARY KEY,
    doc  TEXT NOT NULL
);
CREATE TABLE role_versions (
    name    TEXT   NOT NULL,
    version BIGINT NOT NULL,
    doc     TEXT   NOT NULL,
    PRIMARY KEY (name, version)
);

-- +goose Down
DROP TABLE role_versions;
DROP TABLE roles;
