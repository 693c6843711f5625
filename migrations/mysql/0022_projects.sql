-- Projects. all_parties = 1: every party of the federation is offered to the project.
CREATE TABLE IF NOT EXISTS projects (
    id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    remark MEDIUMTEXT NOT NULL,
    all_parties BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
