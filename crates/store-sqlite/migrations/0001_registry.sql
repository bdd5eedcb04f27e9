-- One row: the state of the registry as a whole.
CREATE TABLE registry (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id BLOB NOT NULL CHECK (length(id) = 16),
    directory_version INTEGER NOT NULL,
    directory_seal BLOB NOT NULL,
    next_customer_id INTEGER NOT NULL,
    key_proof BLOB,
    name_hash_key BLOB NOT NULL,
    audit_sequence INTEGER NOT NULL,
    audit_seal BLOB NOT NULL,
    pending_purges INTEGER NOT NULL,
    indexed_to INTEGER NOT NULL,
    restoring INTEGER NOT NULL CHECK (restoring IN (0, 1))
) STRICT;

-- The seals of the empty directory and audit log take a key, so the program writes them in the same transaction.
INSERT INTO registry VALUES (1, randomblob(16), 1, x'', 1, NULL, randomblob(16), 0, x'', 0, 0, 0);

-- Where ids count up by themselves (AUTOINCREMENT), SQLite keeps the highest one that was given, also if its row was never
-- restored from a backup.

-- state: 0 active, 1 erasure in progress, 2 erased
CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    unique_name TEXT NOT NULL,
    state INTEGER NOT NULL CHECK (state IN (0, 1, 2)),
    wrapped_key BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- The name of an erased account is free again. Here as below, a name is unique in the form in which names are compared.
CREATE UNIQUE INDEX account_name ON account (unique_name) WHERE state <> 2;

CREATE TABLE account_group (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    unique_name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE group_account (
    group_id INTEGER NOT NULL REFERENCES account_group (id),
    account_id INTEGER NOT NULL REFERENCES account (id),
    PRIMARY KEY (group_id, account_id)
) STRICT, WITHOUT ROWID;

-- A user that was erased with its account has no name.
CREATE TABLE registry_user (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT,
    unique_name TEXT UNIQUE,
    account_id INTEGER NOT NULL REFERENCES account (id),
    group_id INTEGER REFERENCES account_group (id),
    role TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

-- kind: 0 issued here, 1 imported
CREATE TABLE api_key (
    id INTEGER PRIMARY KEY,
    key_id TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES registry_user (id),
    digest BLOB NOT NULL UNIQUE,
    kind INTEGER NOT NULL CHECK (kind IN (0, 1)),
    label TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER,
    allowed TEXT
) STRICT;

-- No foreign key: account and state are checked by the same transaction, and a foreign key would be checked once more.
CREATE TABLE customer (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    unique_name TEXT,
    version INTEGER NOT NULL,
    ship_to_bill_address INTEGER NOT NULL CHECK (ship_to_bill_address IN (0, 1)),
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    name_hash INTEGER NOT NULL
) STRICT;

-- The customers of an account in the order of their ids: a create writes at the end of its account's part, not in random
-- order. The time is here so that a listing of recent changes need not look every customer up, and the hash so that the
-- server can load all names from this index. An index of the names themselves would be written in random order, page after
-- page, and be most of the cost of a create.
CREATE INDEX customer_of_account ON customer (account_id, id, modified_at, name_hash);

-- The words of the names of customers with ids below registry.indexed_to, without case and accents. A block is a range of
-- ids: a full one is written at once, in the order of the table.
CREATE TABLE customer_word (
    block INTEGER NOT NULL,
    word TEXT NOT NULL,
    customer_id INTEGER NOT NULL,
    PRIMARY KEY (block, word, customer_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    entry TEXT NOT NULL,
    link BLOB NOT NULL
) STRICT;

-- Full blocks of the audit log, for searches: the span of their times, and a filter of what is in them. The filter leaves
-- room for the rest of the row in a page.
CREATE TABLE audit_block (
    number INTEGER PRIMARY KEY,
    earliest INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    filter BLOB NOT NULL
) STRICT;

-- The customers that were erased one by one: a ledger lists them, and a restore leaves them out.
CREATE TABLE erased_customer (
    id INTEGER PRIMARY KEY
) STRICT;

-- Writes in the order in which they were made. The server finds one by its key in memory: an index of keys would be
-- written in random order.
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

CREATE INDEX idempotent_write_at ON idempotent_write (at);
CREATE INDEX idempotent_write_of_user ON idempotent_write (user_id);

-- state: 0 waiting, 1 running, 2 erased, 3 receipted, 4 cancelled
CREATE TABLE erasure (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
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
    receipt TEXT,
    worker BLOB,
    leased_until INTEGER
) STRICT;

-- An account has at most one erasure that is not over.
CREATE UNIQUE INDEX erasure_open ON erasure (account_id) WHERE state IN (0, 1, 2);

CREATE TABLE import (
    id BLOB PRIMARY KEY,
    rows INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- conflict: 0 no such account, 1 erasure in progress, 2 name taken
CREATE TABLE import_refusal (
    import_id BLOB NOT NULL,
    row INTEGER NOT NULL,
    conflict INTEGER NOT NULL CHECK (conflict IN (0, 1, 2)),
    PRIMARY KEY (import_id, row)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;
