-- Sign-ins and changes of accounts, tokens, projects and parties. Ids grow with time.
CREATE TABLE IF NOT EXISTS access_audit (
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor_id TEXT,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    project_id TEXT,
    address TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (id)
) STRICT;
