-- +goose Up

-- What hosts kept of instances that failed: their last lines and answers. The newest
-- of each app, and of all.
CREATE TABLE evidence (
    instance TEXT   NOT NULL PRIMARY KEY,
    app      TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    doc      TEXT   NOT NULL
);
CREATE INDEX evidence_app ON evidence (app, at);
CREATE INDEX evidence_at ON evidence (at);

-- +goose Down
DROP TABLE evidence;
