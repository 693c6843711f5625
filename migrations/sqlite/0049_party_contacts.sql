-- The newest openings and ends of sessions of each party. slot is number modulo 100, so that a new row replaces the oldest one.
CREATE TABLE IF NOT EXISTS party_contacts (
    party_id TEXT NOT NULL,
    slot INTEGER NOT NULL,
    project_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    agent_version TEXT NOT NULL,
    PRIMARY KEY (party_id, slot)
) STRICT, WITHOUT ROWID;
