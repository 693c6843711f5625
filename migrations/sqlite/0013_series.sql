-- Measured series. Every stride-th point is kept; full chunks lie in series_chunks, the newest points in tail.
CREATE TABLE IF NOT EXISTS series (
    run_id TEXT NOT NULL,
    party_id TEXT NOT NULL,
    name TEXT NOT NULL,
    project_id TEXT NOT NULL,
    stride INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    tail TEXT NOT NULL,
    PRIMARY KEY (run_id, party_id, name)
) STRICT;
