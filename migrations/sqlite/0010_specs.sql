-- What members execute, as canonical bytes under their SHA-256. A task's specs lie together: digests alone would scatter
-- those of one start over the whole table.
CREATE TABLE IF NOT EXISTS specs (
    task_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    project_id TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (task_id, digest)
) STRICT;
