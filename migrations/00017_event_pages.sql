-- +goose Up

-- The notices of steps that tell many, some hundred in a row: a number is in events or
-- in one page, never in both.
CREATE TABLE event_pages (
    first_seq BIGINT NOT NULL PRIMARY KEY,
    last_seq  BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    doc       TEXT   NOT NULL -- JSON, compressed (S2), in base64
);
CREATE INDEX event_pages_last ON event_pages (last_seq);

-- +goose Down
DROP TABLE event_pages;
