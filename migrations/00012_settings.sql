-- +goose Up

-- What holds for the whole cluster: every setting of the kind (now there is one,
-- 'cluster'); the newest is in force.
CREATE TABLE settings (
    kind    TEXT   NOT NULL,
    version BIGINT NOT NULL,
    doc     TEXT   NOT NULL,
    PRIMARY KEY (kind, version)
);

-- +goose Down
DROP TABLE settings;
