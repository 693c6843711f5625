-- Reports that changed no phase. The key is the report's own, so a repeated one is stored once.
CREATE TABLE IF NOT EXISTS audit_reports (
    party_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    instance TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    project_id TEXT NOT NULL,
    refusal TEXT NOT NULL,
    report TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (party_id, run_id, instance, attempt, sequence)
) STRICT;
