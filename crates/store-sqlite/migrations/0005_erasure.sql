-- state: 0 waiting, 1 running, 2 erased, 3 receipted, 4 cancelled
CREATE TABLE erasure (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    state INTEGER NOT NULL CHECK (state IN (0, 1, 2, 3, 4)),
    requested_at INTEGER NOT NULL,
    requested_by TEXT NOT NULL,
    reason TEXT,
    due_at INTEGER NOT NULL,
    erased_at INTEGER,
    customers INTEGER NOT NULL DEFAULT 0,
    users INTEGER NOT NULL DEFAULT 0,
    keys INTEGER NOT NULL DEFAULT 0,
    receipt TEXT
) STRICT;

CREATE UNIQUE INDEX erasure_open ON erasure (account_id) WHERE state IN (0, 1, 2);

-- What was asked for before there were dates is due in thirty days.
INSERT INTO erasure (account_id, state, requested_at, requested_by, due_at)
    SELECT id, 0, unixepoch() * 1000, 'server', (unixepoch() + 30 * 86400) * 1000 FROM account WHERE state = 1;

-- How many customers were erased of whom SQLite may have left copies in unused parts of its pages.
ALTER TABLE registry ADD COLUMN leftovers INTEGER NOT NULL DEFAULT 0;
