-- Writes that are answered the same way when they are asked for again, in the order in which they were made. The server
-- finds one by its key in memory: an index over keys would be written in random order, page after page.
CREATE TABLE idempotent_write (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    customer_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;

INSERT INTO idempotent_write (user_id, key, fingerprint, customer_id, account_id, at, version)
SELECT user_id, key, fingerprint, customer_id, account_id, at, version FROM idempotency ORDER BY at;

DROP TABLE idempotency;

-- The writes that are remembered no longer, and those of a user who is erased.
CREATE INDEX idempotent_write_at ON idempotent_write (at);
CREATE INDEX idempotent_write_of_user ON idempotent_write (user_id);
