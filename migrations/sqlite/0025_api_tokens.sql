-- API tokens. Only the SHA-256 of a token is stored; hint is its last characters. project_id and role limit the token further than its account.
CREATE TABLE IF NOT EXISTS api_tokens (
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    hint TEXT NOT NULL,
    scope TEXT NOT NULL,
    project_id TEXT,
    role TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS api_tokens_digest ON api_tokens (digest);
CREATE INDEX IF NOT EXISTS api_tokens_user ON api_tokens (user_id, id);
