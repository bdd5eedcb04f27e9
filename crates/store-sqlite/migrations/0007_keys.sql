-- When a key was last used, as far as the server has noted it, and the ranges of addresses that it works from, between
-- commas; from everywhere without any.
ALTER TABLE api_key ADD COLUMN last_used_at INTEGER;
ALTER TABLE api_key ADD COLUMN allowed TEXT;
