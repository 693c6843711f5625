-- Parties that are offered to projects. datasets is a JSON list of names; NULL = all datasets of the party.
CREATE TABLE IF NOT EXISTS project_parties (
    project_id TEXT NOT NULL,
    party_id TEXT NOT NULL,
    datasets TEXT,
    added_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, party_id)
) STRICT;
CREATE INDEX IF NOT EXISTS project_parties_party ON project_parties (party_id);
