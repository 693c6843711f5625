-- Sign-ins of devices that wait for an approval. Only the SHA-256 of both codes is stored. user_id is the account that approved.
CREATE TABLE IF NOT EXISTS device_sign_ins (
    device_digest CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_digest CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    client VARCHAR(255) NOT NULL,
    address VARCHAR(255) NOT NULL,
    interval_s BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    polled_at BIGINT NULL,
    user_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    denied BIGINT NOT NULL,
    PRIMARY KEY (device_digest),
    UNIQUE KEY device_sign_ins_user (user_digest),
    KEY device_sign_ins_expiry (expires_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
