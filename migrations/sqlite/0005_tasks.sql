-- The aggregate's root: version orders all changes of a task, event_seq numbers its events, due_at is its timer.
-- body is the truth of what was submitted; the columns beside it are what is looked up by. tombstone as in templates.
CREATE TABLE IF NOT EXISTS tasks (
    id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    tombstone TEXT NOT NULL,
    template_id TEXT NOT NULL,
    phase TEXT NOT NULL,
    latest_run TEXT,
    runs INTEGER NOT NULL,
    version INTEGER NOT NULL,
    event_seq INTEGER NOT NULL,
    due_at INTEGER,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    deleted_at INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS tasks_name ON tasks (project_id, tombstone, name);
CREATE INDEX IF NOT EXISTS tasks_newest ON tasks (project_id, tombstone, id);
CREATE INDEX IF NOT EXISTS tasks_phase ON tasks (project_id, tombstone, phase, id);
CREATE INDEX IF NOT EXISTS tasks_template ON tasks (project_id, tombstone, template_id, id);
CREATE INDEX IF NOT EXISTS tasks_template_phase ON tasks (project_id, tombstone, template_id, phase, id);
CREATE INDEX IF NOT EXISTS tasks_due ON tasks (due_at);
CREATE INDEX IF NOT EXISTS tasks_of_template ON tasks (template_id, tombstone);
