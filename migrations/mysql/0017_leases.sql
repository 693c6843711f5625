-- Who runs a loop that only one replica may run. version moves by compare-and-swap.
CREATE TABLE IF NOT EXISTS leases (
    name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    holder VARCHAR(255) NOT NULL,
    version BIGINT NOT NULL,
    held_until BIGINT NOT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
