-- Parties that get no new members.
CREATE TABLE IF NOT EXISTS disabled_parties (
    party_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    disabled_at INTEGER NOT NULL,
    PRIMARY KEY (party_id)
) STRICT;
