-- Projects. all_parties = 1: every party of the federation is offered to the project.
CREATE TABLE IF NOT EXISTS projects (
    id TEXT NOT NULL,
    remark TEXT NOT NULL,
    all_parties INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT;
