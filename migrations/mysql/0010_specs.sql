-- What members execute, as canonical bytes under their SHA-256. A task's specs lie together: digests alone would scatter
-- those of one start over the whole table.
CREATE TABLE IF NOT EXISTS specs (
    task_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    digest CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    bytes MEDIUMBLOB NOT NULL,
    PRIMARY KEY (task_id, digest)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
