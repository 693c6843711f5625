-- Sessions of browsers. Only the SHA-256 of the cookie is stored. expires_at is absolute; seen_at decides the end of an idle session.
CREATE TABLE IF NOT EXISTS browser_sessions (
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    method TEXT NOT NULL,
    client TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS browser_sessions_digest ON browser_sessions (digest);
CREATE INDEX IF NOT EXISTS browser_sessions_user ON browser_sessions (user_id, id);
CREATE INDEX IF NOT EXISTS browser_sessions_expiry ON browser_sessions (expires_at);
