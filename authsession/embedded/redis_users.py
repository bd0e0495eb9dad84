"""The ACL users of Redis, each limited in keys and commands (SPEC §1.2).

The embedded Redis uses them; `authsession redis-acl` prints them for any other Redis.
https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl
"""

import hashlib

from contracts.gateway import GatewayKeys
from shared.kernel.redis_rules import CONNECTION_COMMANDS, gateway_rules

# The scripts of shared.projection and shared.web run with their caller's rights. Each kind of key has one selector with
# the commands that scripts and clients use on it, so that no key can get another type.
_SCRIPTS = "+evalsha +script|load"
_STATE = "+hget +hgetall +hmget +hset"
# A user with these rights can give itself every other right, so it is an administrator of Redis (SPEC §16.9).
_NODE_USERS = "+acl|users +acl|getuser +acl|setuser +acl|deluser"


def acl_lines(
    keys: GatewayKeys,
    rate_limit_prefix: str,
    *,
    public: str,
    internal: str,
    gateway: str,
    admin: str | None = None,
    node_users: bool = False,
) -> list[str]:
    """Lines of an ACL file. The arguments are the users' passwords; the file holds their hashes.

    The user `default` is off. Both services write the projection, because any process may keep it, and each writes
    its own rate limits. Only the internal service may list keys, read the stream, and delete a stream or projection
    of the wrong type (SPEC §6.6). The gateway reads the projection and writes only its replay keys. `admin`, if
    given, may do everything; no other user may even reload this file. With `node_users` the internal service may make
    and delete users of nodes.
    """
    projection = f"~{keys.record_prefix}* ~{keys.stream} ~{keys.projection}"
    public_limits, internal_limits = f"~{rate_limit_prefix}*", f"~control-plane:{rate_limit_prefix}*"
    state = f"(~{keys.projection} {_STATE})"
    public_keys = f"(~{keys.record_prefix}* {public_limits} +get +set) (~{keys.stream} +xadd)"
    internal_keys = (
        f"(~{keys.record_prefix}* {internal_limits} +get +set +pttl) (~{keys.stream} +xadd +xrange +xrevrange)"
        f" (~{keys.stream} ~{keys.projection} +del)"
    )
    service = f"resetchannels -@all {' '.join(CONNECTION_COMMANDS)} {_SCRIPTS} {projection} {state}"
    internal_service = f"{service} +scan {_NODE_USERS}" if node_users else f"{service} +scan"
    administrator = [] if admin is None else [f"user admin on {_password(admin)} ~* &* +@all"]
    return [
        "user default off",
        *administrator,
        f"user public on {_password(public)} {service} {public_limits} {public_keys}",
        f"user internal on {_password(internal)} {internal_service} {internal_limits} {internal_keys}",
        f"user gateway on {_password(gateway)} {' '.join(gateway_rules(keys))}",
    ]


def _password(password: str) -> str:
    """The form in which Redis keeps a password: SHA-256 without salt. Only random passwords are safe in it."""
    return f"#{hashlib.sha256(password.encode()).hexdigest()}"
