-- Which living tasks a party has a part in; rows go when the task is deleted.
CREATE TABLE IF NOT EXISTS task_parties (
    project_id TEXT NOT NULL,
    party_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    PRIMARY KEY (project_id, party_id, task_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS task_parties_task ON task_parties (task_id);
