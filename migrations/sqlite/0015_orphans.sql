-- Members that agents hold and the hub does not know, until an operator decides.
CREATE TABLE IF NOT EXISTS orphans (
    party_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    project_id TEXT NOT NULL,
    task_id TEXT,
    digest TEXT,
    phase TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    decision TEXT,
    PRIMARY KEY (party_id, run_id, attempt)
) STRICT;
