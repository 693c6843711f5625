-- The events of all tasks in the order of their commits, from this release on.
CREATE TABLE IF NOT EXISTS event_feed (
    feed_seq BIGINT NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    task_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (feed_seq),
    KEY event_feed_project (project_id, feed_seq)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
