-- Parties' parts in runs. body is the truth. unsettled_party is the party until the member has settled, then empty: so the
-- index of those that can still move stays as short as they are few, and a start of many touches few of its pages.
CREATE TABLE IF NOT EXISTS members (
    run_id TEXT NOT NULL,
    party_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    phase TEXT NOT NULL,
    unsettled_party TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (run_id, party_id)
) STRICT;
CREATE INDEX IF NOT EXISTS members_unsettled ON members (unsettled_party, task_id);
