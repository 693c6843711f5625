-- Parties' parts in runs. body is the truth.
CREATE TABLE IF NOT EXISTS members (
    run_id TEXT NOT NULL,
    party_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    phase TEXT NOT NULL,
    settled INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run_id, party_id)
) STRICT;
CREATE INDEX IF NOT EXISTS members_unsettled ON members (party_id, settled, task_id);
