-- Templates. tombstone is empty while the template lives and its own id afterwards: names are unique among the living.
CREATE TABLE IF NOT EXISTS templates (
    id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    tombstone TEXT NOT NULL,
    remark TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS templates_name ON templates (project_id, tombstone, name);
