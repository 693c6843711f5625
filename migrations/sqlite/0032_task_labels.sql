-- Labels of living tasks; body is the truth. Rows go when the task is deleted.
CREATE TABLE IF NOT EXISTS task_labels (
    project_id TEXT NOT NULL,
    label_name TEXT NOT NULL,
    label_value TEXT NOT NULL,
    task_id TEXT NOT NULL,
    PRIMARY KEY (project_id, label_name, label_value, task_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS task_labels_task ON task_labels (task_id);
