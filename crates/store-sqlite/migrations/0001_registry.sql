-- One row: what the registry knows about itself.
CREATE TABLE registry (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    directory_version INTEGER NOT NULL,
    next_customer_id INTEGER NOT NULL,
    key_proof BLOB,
    name_hash_key BLOB NOT NULL
) STRICT;

INSERT INTO registry (one, directory_version, next_customer_id, name_hash_key) VALUES (1, 1, 1, randomblob(16));

-- state: 0 active, 1 erasure in progress, 2 erased
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    state INTEGER NOT NULL CHECK (state IN (0, 1, 2)),
    wrapped_key BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- An erased account's name is free again.
CREATE UNIQUE INDEX account_name ON account (name) WHERE state <> 2;

CREATE TABLE account_group (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE group_account (
    group_id INTEGER NOT NULL REFERENCES account_group (id),
    account_id INTEGER NOT NULL REFERENCES account (id),
    PRIMARY KEY (group_id, account_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE registry_user (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    account_id INTEGER NOT NULL REFERENCES account (id),
    group_id INTEGER REFERENCES account_group (id),
    role TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

-- kind: 0 issued here, 1 imported; the key itself is nowhere.
CREATE TABLE api_key (
    id INTEGER PRIMARY KEY,
    key_id TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES registry_user (id),
    digest BLOB NOT NULL UNIQUE,
    kind INTEGER NOT NULL CHECK (kind IN (0, 1)),
    label TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;

-- unique_name is NULL where it is the name itself, which it nearly always is. Times are UNIX milliseconds.
CREATE TABLE customer (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    unique_name TEXT,
    version INTEGER NOT NULL,
    ship_to_bill_address INTEGER NOT NULL CHECK (ship_to_bill_address IN (0, 1)),
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

-- The keyed hash of account and unique name, from which the server makes its table of names when it starts. An index
-- over the names themselves would be written in random order, page after page, and be most of the cost of a create.
CREATE TABLE customer_name (
    customer_id INTEGER PRIMARY KEY,
    hash INTEGER NOT NULL
) STRICT;
