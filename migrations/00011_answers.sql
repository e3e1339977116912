-- +goose Up

-- How requests with an Idempotency-Key were answered.
CREATE TABLE answers (
    id  TEXT   NOT NULL PRIMARY KEY, -- the key
    at  BIGINT NOT NULL,             -- milliseconds since 1970
    doc TEXT   NOT NULL
);

-- +goose Down
DROP TABLE answers;
