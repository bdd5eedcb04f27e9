-- Types are BIGINT, TEXT, BYTEA and BOOLEAN, and there are no sequences, triggers or partial indexes: engines that speak
-- PostgreSQL's protocol and spread tables over machines have those. Tables that every customer write touches have the
-- partition in each of their keys.

-- One row: which migrations have run, and the oldest release, named by the last migration that it knows, that can serve
-- what they have made.
CREATE TABLE schema (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    version BIGINT NOT NULL,
    oldest BIGINT NOT NULL
);

-- One row: the state of the registry as a whole. Ids that are given to one thing only once are counted here.
CREATE TABLE registry (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    id BYTEA NOT NULL CHECK (length(id) = 16),
    directory_version BIGINT NOT NULL,
    directory_seal BYTEA NOT NULL,
    last_account BIGINT NOT NULL,
    last_group BIGINT NOT NULL,
    last_user BIGINT NOT NULL,
    last_key BIGINT NOT NULL,
    last_erasure BIGINT NOT NULL,
    key_proof BYTEA,
    restoring BOOLEAN NOT NULL
) WITH (fillfactor = 20);

INSERT INTO registry
VALUES (1, decode(replace(CAST(gen_random_uuid() AS TEXT), '-', ''), 'hex'), 1, '', 0, 0, 0, 0, 0, NULL, FALSE);

-- The row of a partition is locked by each transaction that appends to its audit log, until its end. It is written only
-- once: while a long read transaction is open, PostgreSQL would keep every version of a row that each transaction updates.
-- empty_seal: the seal of the log that has no entry yet
CREATE TABLE partition (
    partition BIGINT PRIMARY KEY,
    empty_seal BYTEA
) WITH (fillfactor = 20);

-- next counts the ids of the partition that were reserved, from 1.
CREATE TABLE id_block (
    partition BIGINT PRIMARY KEY,
    next BIGINT NOT NULL CHECK (next > 0)
) WITH (fillfactor = 20);

-- state: 0 active, 1 erasure in progress, 2 erased
CREATE TABLE account (
    partition BIGINT NOT NULL,
    id BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    state BIGINT NOT NULL CHECK (state IN (0, 1, 2)),
    wrapped_key BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (partition, id)
);

-- The names of accounts that are not erased: unique over all partitions.
CREATE TABLE account_name (
    unique_name TEXT COLLATE "C" PRIMARY KEY,
    account_id BIGINT NOT NULL UNIQUE
);

CREATE TABLE account_group (
    id BIGINT PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    unique_name TEXT COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE group_account (
    group_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    PRIMARY KEY (group_id, account_id)
);

-- A user that was erased with its account has no name.
CREATE TABLE registry_user (
    id BIGINT PRIMARY KEY,
    name TEXT COLLATE "C",
    unique_name TEXT COLLATE "C" UNIQUE,
    account_id BIGINT NOT NULL,
    group_id BIGINT,
    role TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE api_key (
    id BIGINT PRIMARY KEY,
    key_id TEXT COLLATE "C" NOT NULL UNIQUE,
    user_id BIGINT NOT NULL,
    digest BYTEA NOT NULL UNIQUE,
    imported BOOLEAN NOT NULL,
    label TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    allowed TEXT
);

CREATE TABLE customer (
    partition BIGINT NOT NULL,
    id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    unique_name TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    ship_to_bill_address BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (partition, id)
) WITH (fillfactor = 90);

-- What is sealed cannot be compressed.
ALTER TABLE customer ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE UNIQUE INDEX customer_name ON customer (partition, account_id, unique_name);
CREATE INDEX customer_of_account ON customer (partition, account_id, id);

-- Which ranges of 8,192 ids have customers that were written since a moment.
CREATE INDEX customer_written ON customer (partition, (id / 8192), modified_at);

-- The words of the names of customers, without case and accents. A block is a range of 8,192 ids.
CREATE TABLE customer_word (
    partition BIGINT NOT NULL,
    block BIGINT NOT NULL,
    word TEXT COLLATE "C" NOT NULL,
    customer_id BIGINT NOT NULL,
    PRIMARY KEY (partition, block, word, customer_id)
);

-- The customers that were erased one by one: a ledger lists them, and a restore leaves them out.
CREATE TABLE erased_customer (
    partition BIGINT NOT NULL,
    id BIGINT NOT NULL,
    purged BOOLEAN NOT NULL,
    PRIMARY KEY (partition, id)
);

CREATE INDEX erased_customer_purged ON erased_customer (partition, purged);

CREATE TABLE idempotent_write (
    partition BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    customer_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (partition, user_id, key)
);

CREATE INDEX idempotent_write_at ON idempotent_write (partition, at);

-- seal: that of the log which ends with this entry, with the newest directory seal; only the last entry has one
CREATE TABLE audit (
    partition BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    entry TEXT NOT NULL,
    link BYTEA NOT NULL,
    seal BYTEA,
    PRIMARY KEY (partition, sequence)
) WITH (fillfactor = 95);

-- Full blocks of the audit log, for searches: the span of their times, and a filter of what is in them.
CREATE TABLE audit_block (
    partition BIGINT NOT NULL,
    number BIGINT NOT NULL,
    earliest BIGINT NOT NULL,
    latest BIGINT NOT NULL,
    filter BYTEA NOT NULL,
    PRIMARY KEY (partition, number)
);

-- A filter cannot be compressed.
ALTER TABLE audit_block ALTER COLUMN filter SET STORAGE EXTERNAL;

-- state: 0 waiting, 1 running, 2 erased, 3 receipted, 4 cancelled
CREATE TABLE erasure (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL,
    state BIGINT NOT NULL CHECK (state IN (0, 1, 2, 3, 4)),
    requested_at BIGINT NOT NULL,
    requested_by TEXT NOT NULL,
    reason TEXT,
    due_at BIGINT NOT NULL,
    erased_at BIGINT,
    customers BIGINT NOT NULL,
    users BIGINT NOT NULL,
    keys BIGINT NOT NULL,
    receipt TEXT,
    worker BYTEA,
    leased_until BIGINT,
    purged BOOLEAN NOT NULL
);

CREATE TABLE import (
    id BYTEA PRIMARY KEY,
    rows_done BIGINT NOT NULL,
    at BIGINT NOT NULL
);

-- conflict: 0 no such account, 1 erasure in progress, 2 name taken
CREATE TABLE import_refusal (
    import_id BYTEA NOT NULL,
    row_number BIGINT NOT NULL,
    conflict BIGINT NOT NULL CHECK (conflict IN (0, 1, 2)),
    PRIMARY KEY (import_id, row_number)
);

CREATE TABLE setting (
    name TEXT COLLATE "C" PRIMARY KEY,
    digest BYTEA NOT NULL
);
