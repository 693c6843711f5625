-- Runs in the order of their ends, from this release on, for counts over time. One row per run, appended at its end.
CREATE TABLE IF NOT EXISTS finished_runs (
    project_id TEXT NOT NULL,
    finished_at INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    phase TEXT NOT NULL,
    queued_us INTEGER,
    PRIMARY KEY (project_id, finished_at, run_id)
) STRICT, WITHOUT ROWID;
