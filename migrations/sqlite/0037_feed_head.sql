-- Number of the newest event of the feed. The row is locked until the commit that raises it.
CREATE TABLE IF NOT EXISTS feed_head (
    id INTEGER NOT NULL,
    project_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT;
