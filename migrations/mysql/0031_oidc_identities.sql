-- Accounts of people at identity providers. digest is the SHA-256 of issuer, a line break and subject.
CREATE TABLE IF NOT EXISTS oidc_identities (
    digest CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    issuer VARCHAR(1024) NOT NULL,
    subject VARCHAR(1024) NOT NULL,
    user_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (digest),
    KEY oidc_identities_user (user_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
