-- Statements about manifests that are signed again.

-- name: list_aged_heads
-- The pools whose manifests were signed longer ago than :age.
select pool from config_heads
 where exists (select from config_manifests
                where config_manifests.digest in (config_heads.digest, config_heads.stable_digest)
                  and created_at < clock_now() - :age::interval)
 order by pool;
