-- What members execute, as canonical bytes under their SHA-256.
CREATE TABLE IF NOT EXISTS specs (
    digest CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    bytes MEDIUMBLOB NOT NULL,
    PRIMARY KEY (digest)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
