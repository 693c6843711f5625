-- Answers given, so that a request sent twice is answered alike. Stored in the transaction of what they speak of.
CREATE TABLE IF NOT EXISTS idempotency (
    scope TEXT NOT NULL,
    idem_key TEXT NOT NULL,
    project_id TEXT NOT NULL,
    request TEXT NOT NULL,
    response TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (scope, idem_key)
) STRICT;
CREATE INDEX IF NOT EXISTS idempotency_at ON idempotency (at);
