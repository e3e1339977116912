-- +goose Up

-- What belongs to the store as a whole. Unsigned 64-bit numbers are kept as the
-- signed number of the same bits.
CREATE TABLE meta (
    id      BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    cluster BIGINT NOT NULL, -- random, made with the store
    serial  BIGINT NOT NULL, -- of the newest instance
    seq     BIGINT NOT NULL  -- of the newest event, also when all of them are pruned
);

-- Who leads. epoch grows by one with every leader and is the fence of his
-- commits; until is by the clock of the database alone.
CREATE TABLE lease (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch       BIGINT NOT NULL,
    holder      TEXT   NOT NULL,
    url         TEXT   NOT NULL, -- of the leader's API
    backend_pid BIGINT NOT NULL, -- Postgres: the session that holds the advisory lock
    until       BIGINT NOT NULL  -- 0: given back
);
INSERT INTO lease (id, epoch, holder, url, backend_pid, until) VALUES (1, 0, '', '', 0, 0);

CREATE TABLE apps (
    id      TEXT   NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    doc     TEXT   NOT NULL
);

-- The newest 50 specs of each app.
CREATE TABLE app_versions (
    app     TEXT   NOT NULL,
    version BIGINT NOT NULL,
    doc     TEXT   NOT NULL,
    PRIMARY KEY (app, version)
);

CREATE TABLE instances (
    id   TEXT NOT NULL PRIMARY KEY,
    app  TEXT NOT NULL,
    host TEXT NOT NULL, -- empty while it waits
    doc  TEXT NOT NULL
);

-- Instances that are gone: the newest of each app, and of all.
CREATE TABLE finished (
    id  TEXT   NOT NULL PRIMARY KEY,
    app TEXT   NOT NULL,
    at  BIGINT NOT NULL,
    doc TEXT   NOT NULL
);
CREATE INDEX finished_app ON finished (app, at);
CREATE INDEX finished_at ON finished (at);

CREATE TABLE deployments (
    id      TEXT   NOT NULL PRIMARY KEY,
    state   TEXT   NOT NULL,
    started BIGINT NOT NULL,
    ended   BIGINT NOT NULL, -- 0 while it runs
    doc     TEXT   NOT NULL
);
CREATE INDEX deployments_ended ON deployments (ended);

CREATE TABLE hosts (
    name TEXT NOT NULL PRIMARY KEY,
    doc  TEXT NOT NULL
);

-- The notices, written in the transaction of what they tell (an outbox).
CREATE TABLE events (
    seq  BIGINT NOT NULL PRIMARY KEY, -- dense
    at   BIGINT NOT NULL,
    type TEXT   NOT NULL,
    doc  TEXT   NOT NULL
);

-- +goose Down
DROP TABLE events;
DROP TABLE hosts;
DROP TABLE deployments;
DROP TABLE finished;
DROP TABLE instances;
DROP TABLE app_versions;
DROP TABLE apps;
DROP TABLE lease;
DROP TABLE meta;
