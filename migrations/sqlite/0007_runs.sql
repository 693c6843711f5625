-- Starts of tasks, without their members. body is the truth; a run that can still move has no settled_at.
CREATE TABLE IF NOT EXISTS runs (
    id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    phase TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    settled_at INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS runs_number ON runs (task_id, number);
CREATE INDEX IF NOT EXISTS runs_settled ON runs (settled_at, task_id);
