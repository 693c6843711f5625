-- Sign-ins of devices that wait for an approval. Only the SHA-256 of both codes is stored. user_id is the account that approved.
CREATE TABLE IF NOT EXISTS device_sign_ins (
    device_digest TEXT NOT NULL,
    user_digest TEXT NOT NULL,
    client TEXT NOT NULL,
    address TEXT NOT NULL,
    interval_s INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    polled_at INTEGER,
    user_id TEXT,
    denied INTEGER NOT NULL,
    PRIMARY KEY (device_digest)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS device_sign_ins_user ON device_sign_ins (user_digest);
CREATE INDEX IF NOT EXISTS device_sign_ins_expiry ON device_sign_ins (expires_at);
