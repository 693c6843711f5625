-- Names of deleted projects. Tasks and runs of a deleted project keep its name, so that a new project must not get it.
CREATE TABLE IF NOT EXISTS former_projects (
    project_id TEXT NOT NULL,
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (project_id)
) STRICT;
