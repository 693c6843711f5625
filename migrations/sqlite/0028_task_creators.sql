-- The account that created a task. Tasks from before accounts have no row.
CREATE TABLE IF NOT EXISTS task_creators (
    task_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (task_id)
) STRICT;
