\set n :n + 1
\set first :client_id * 1000000000 + :n * 256
BEGIN ISOLATION LEVEL READ COMMITTED;
INSERT INTO customer (partition, id, account_id, name, unique_name, version, ship_to_bill_address, created_at,
    modified_at, sealed)
SELECT p.partition, CAST(:first AS BIGINT) + t.n, 1, t.name, t.name, 1, FALSE, 1796038152874, 1796038152874,
    CAST(repeat('0123456789abcdef', 10) || '01234567' AS BYTEA)
FROM partition p, (SELECT n, 'Customer ' || substr(md5(CAST(random() AS TEXT)), 8) AS name FROM generate_series(1, 256) AS g (n)) AS t
WHERE p.partition = 0 ORDER BY t.name
ON CONFLICT DO NOTHING RETURNING id;
SELECT empty_seal FROM partition WHERE partition = 0 FOR UPDATE;
SELECT sequence AS last FROM audit WHERE partition = 0 ORDER BY sequence DESC LIMIT 1 \gset
SELECT id, state FROM account WHERE partition = 0 AND id = 1;
INSERT INTO audit (partition, sequence, at, entry, link, seal)
SELECT p.partition, CAST(:last AS BIGINT) + t.n, 1796038152874,
    '{"action":"create_customer","object":"customer:' || t.n || '","accountId":1,"actor":"user:1","address":"127.0.0.1","requestId":"0123456789abcdef"}',
    CAST('0123456789abcdef0123456789abcdef' AS BYTEA),
    CASE WHEN t.n = 256 THEN CAST('0123456789abcdef0123456789abcdef' AS BYTEA) END
FROM partition p, generate_series(1, 256) AS t (n) WHERE p.partition = 0;
UPDATE audit SET seal = NULL WHERE partition = 0 AND sequence = CAST(:last AS BIGINT);
COMMIT;
