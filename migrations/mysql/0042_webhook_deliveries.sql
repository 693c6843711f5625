-- Messages of webhooks: those that wait, and the log of the others. Ids grow with time.
CREATE TABLE IF NOT EXISTS webhook_deliveries (
    id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    webhook_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    feed_seq BIGINT NULL,
    task_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    body MEDIUMTEXT NOT NULL,
    state VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    attempted_at BIGINT NULL,
    next_at BIGINT NOT NULL,
    status BIGINT NULL,
    error VARCHAR(512) NULL,
    PRIMARY KEY (id),
    KEY webhook_deliveries_webhook (webhook_id, id),
    KEY webhook_deliveries_next (state, webhook_id, next_at, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
