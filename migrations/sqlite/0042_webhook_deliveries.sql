-- Messages of webhooks: those that wait, and the log of the others. Ids grow with time.
CREATE TABLE IF NOT EXISTS webhook_deliveries (
    id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    feed_seq INTEGER,
    task_id TEXT,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    attempted_at INTEGER,
    next_at INTEGER NOT NULL,
    status INTEGER,
    error TEXT,
    PRIMARY KEY (id)
) STRICT;
CREATE INDEX IF NOT EXISTS webhook_deliveries_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX IF NOT EXISTS webhook_deliveries_next ON webhook_deliveries (state, webhook_id, next_at, id);
