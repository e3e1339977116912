-- +goose Up

-- The URLs that events are sent to.
CREATE TABLE callbacks (
    url TEXT NOT NULL PRIMARY KEY,
    doc TEXT NOT NULL
);

-- +goose Down
DROP TABLE callbacks;
