-- Roles of accounts in projects.
CREATE TABLE IF NOT EXISTS project_members (
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    role VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, user_id),
    KEY project_members_user (user_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
