-- Accounts of people at identity providers. digest is the SHA-256 of issuer, a line break and subject.
CREATE TABLE IF NOT EXISTS oidc_identities (
    digest TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (digest)
) STRICT;
CREATE INDEX IF NOT EXISTS oidc_identities_user ON oidc_identities (user_id);
