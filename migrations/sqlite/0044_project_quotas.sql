-- Numbers of stored objects of each project, changed in the transaction of the objects. A limit that is NULL is that of the configuration.
CREATE TABLE IF NOT EXISTS project_quotas (
    project_id TEXT NOT NULL,
    tasks INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    templates INTEGER NOT NULL,
    tasks_max INTEGER,
    runs_max INTEGER,
    templates_max INTEGER,
    PRIMARY KEY (project_id)
) STRICT;
