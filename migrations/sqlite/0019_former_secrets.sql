-- Secrets that were replaced and are accepted until a moment; at most one of each party.
CREATE TABLE IF NOT EXISTS former_secrets (
    party_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    secret_digest TEXT NOT NULL,
    accepted_until INTEGER NOT NULL,
    PRIMARY KEY (party_id)
) STRICT;
