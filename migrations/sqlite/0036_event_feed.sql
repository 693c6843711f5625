-- The events of all tasks in the order of their commits, from this release on.
CREATE TABLE IF NOT EXISTS event_feed (
    feed_seq INTEGER NOT NULL,
    project_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (feed_seq)
) STRICT;
CREATE INDEX IF NOT EXISTS event_feed_project ON event_feed (project_id, feed_seq);
