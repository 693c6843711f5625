-- Lists of tasks by time.
ALTER TABLE tasks
    ADD KEY /*M! IF NOT EXISTS */ tasks_created (project_id, tombstone, created_at, id),
    ADD KEY /*M! IF NOT EXISTS */ tasks_modified (project_id, tombstone, modified_at, id);
