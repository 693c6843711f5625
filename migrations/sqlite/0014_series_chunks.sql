-- Full chunks of series, numbered from 0.
CREATE TABLE IF NOT EXISTS series_chunks (
    run_id TEXT NOT NULL,
    party_id TEXT NOT NULL,
    name TEXT NOT NULL,
    chunk INTEGER NOT NULL,
    project_id TEXT NOT NULL,
    points TEXT NOT NULL,
    PRIMARY KEY (run_id, party_id, name, chunk)
) STRICT;
