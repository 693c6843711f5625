-- Lists of the runs of all tasks.
CREATE INDEX IF NOT EXISTS runs_newest ON runs (project_id, id);
CREATE INDEX IF NOT EXISTS runs_phase ON runs (project_id, phase, id);
CREATE INDEX IF NOT EXISTS runs_task ON runs (project_id, task_id, id);
CREATE INDEX IF NOT EXISTS runs_created ON runs (project_id, created_at, id);
