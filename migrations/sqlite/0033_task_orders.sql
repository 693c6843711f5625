-- Lists of tasks by time.
CREATE INDEX IF NOT EXISTS tasks_created ON tasks (project_id, tombstone, created_at, id);
CREATE INDEX IF NOT EXISTS tasks_modified ON tasks (project_id, tombstone, modified_at, id);
