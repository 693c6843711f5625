-- Newest progress of each member: latest wins, no events.
CREATE TABLE IF NOT EXISTS progress (
    run_id TEXT NOT NULL,
    party_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run_id, party_id)
) STRICT;
