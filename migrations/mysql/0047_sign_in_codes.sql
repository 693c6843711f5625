-- One-time codes with which a person opens a session in a browser; at most one of each account. Only the SHA-256 of the code is stored.
CREATE TABLE IF NOT EXISTS sign_in_codes (
    digest CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (digest),
    KEY sign_in_codes_user (user_id),
    KEY sign_in_codes_expiry (expires_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
