-- One row, id 1. A restore raises the incarnation, so that agents can tell a hub with an older memory from the one they knew.
CREATE TABLE IF NOT EXISTS hub (
    id INT NOT NULL,
    incarnation BIGINT NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
