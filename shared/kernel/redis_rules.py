"""The rules of a gateway's ACL user in Redis (SPEC §1.2): of the shared user `gateway`, and of each node's own.

https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl
"""

from typing import Final

from contracts.gateway import GatewayKeys

# Only commands that Redis 7.0 knows: it refuses a file with any other. `client|setinfo` (7.2) is therefore missing.
# We never send it, and libraries that send it accept a refusal.
CONNECTION_COMMANDS: Final = ("+ping", "+auth", "+hello", "+acl|whoami", "+info", "+time")
_READS = (
    "+get", "+mget", "+hget", "+hgetall", "+hmget", "+exists", "+pttl",
    "+xread", "+xrange", "+xrevrange", "+xlen", "+xinfo|stream",
)  # fmt: skip


def gateway_rules(keys: GatewayKeys) -> tuple[str, ...]:
    """It reads the projection, and writes its replay keys only. Each item is one argument of ACL SETUSER."""
    projection = (pattern_of_records(keys), f"%R~{keys.stream}", f"%R~{keys.projection}")
    own_keys = "(~gateway:replay:* +set +get)"
    return ("resetchannels", "-@all", *CONNECTION_COMMANDS, *_READS, *projection, own_keys)


def pattern_of_records(keys: GatewayKeys) -> str:
    """The rule that lets a gateway read records. Two installations on one Redis have different ones."""
    return f"%R~{keys.record_prefix}*"
