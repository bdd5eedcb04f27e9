-- What was changed by whom. Each link depends on the one before and on a key that is not here.
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    entry TEXT NOT NULL,
    link BLOB NOT NULL
) STRICT;

-- Where the log ends, so that a missing end is noticed.
ALTER TABLE registry ADD COLUMN audit_sequence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE registry ADD COLUMN audit_link BLOB NOT NULL
    DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000';

-- Writes that are answered the same way when they are asked for again.
CREATE TABLE idempotency (
    user_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    customer_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_at ON idempotency (at);
