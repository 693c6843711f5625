-- Full chunks of series, numbered from 0.
CREATE TABLE IF NOT EXISTS series_chunks (
    run_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    party_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(255) NOT NULL,
    chunk BIGINT NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    points MEDIUMTEXT NOT NULL,
    PRIMARY KEY (run_id, party_id, name, chunk)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
