-- Organisations, and the newest session of each: epoch moves by compare-and-swap.
CREATE TABLE IF NOT EXISTS parties (
    id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    secret_digest TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    remark TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    instance TEXT,
    connected INTEGER NOT NULL,
    since INTEGER NOT NULL,
    agent_version TEXT NOT NULL,
    inventory_digest TEXT,
    inventory TEXT,
    PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS parties_secret ON parties (secret_digest);
