-- What members execute, as canonical bytes under their SHA-256.
CREATE TABLE IF NOT EXISTS specs (
    digest TEXT NOT NULL,
    project_id TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (digest)
) STRICT;
