-- +goose Up

-- The persistent volumes of instances: what lies on which host for whom.
CREATE TABLE claims (
    id   TEXT NOT NULL PRIMARY KEY, -- of the instance that it was made for
    app  TEXT NOT NULL,
    host TEXT NOT NULL,
    doc  TEXT NOT NULL
);

-- +goose Down
DROP TABLE claims;
