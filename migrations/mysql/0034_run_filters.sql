-- Lists of the runs of all tasks.
ALTER TABLE runs
    ADD KEY /*M! IF NOT EXISTS */ runs_newest (project_id, id),
    ADD KEY /*M! IF NOT EXISTS */ runs_phase (project_id, phase, id),
    ADD KEY /*M! IF NOT EXISTS */ runs_task (project_id, task_id, id),
    ADD KEY /*M! IF NOT EXISTS */ runs_created (project_id, created_at, id);
