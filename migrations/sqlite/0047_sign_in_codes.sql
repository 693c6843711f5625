-- One-time codes with which a person opens a session in a browser; at most one of each account. Only the SHA-256 of the code is stored.
CREATE TABLE IF NOT EXISTS sign_in_codes (
    digest TEXT NOT NULL,
    user_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (digest)
) STRICT;
CREATE INDEX IF NOT EXISTS sign_in_codes_user ON sign_in_codes (user_id);
CREATE INDEX IF NOT EXISTS sign_in_codes_expiry ON sign_in_codes (expires_at);
