-- Measured series. Every stride-th point is kept; full chunks lie in series_chunks, the newest points in tail.
CREATE TABLE IF NOT EXISTS series (
    run_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    party_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(255) NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    stride BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    chunks BIGINT NOT NULL,
    tail MEDIUMTEXT NOT NULL,
    PRIMARY KEY (run_id, party_id, name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
