-- Webhooks of projects. The hub signs with the secret, so that it is stored as it is.
CREATE TABLE IF NOT EXISTS webhooks (
    id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    kinds TEXT NOT NULL,
    labels TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    disabled_reason TEXT,
    failing_since INTEGER,
    secret TEXT NOT NULL,
    former_secret TEXT,
    former_until INTEGER,
    feed_seq INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS webhooks_name ON webhooks (project_id, name);
