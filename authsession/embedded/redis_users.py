"""The ACL users of Redis (SPEC §1.2), each limited in keys and commands: of the embedded one and, by
`authsession redis-acl`, of any other.

https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl
"""

import hashlib

from contracts.gateway import GatewayKeys

# Only what Redis 7.0 knows, or it takes none of the file. So without `client|setinfo` (7.2), which we never send:
# libraries that do send it go on when it is refused.
_CONNECTION = "+ping +auth +hello +acl|whoami +info +time"
# What shared.outbox and shared.web send, and what their scripts call: a script runs with its caller's rights.
_SERVICE = "+evalsha +script|load +get +mget +set +hget +hgetall +hmget +hset +pttl +scan +xadd"
_GATEWAY = "+get +mget +hget +hgetall +hmget +exists +pttl +xread +xrange +xrevrange +xlen +xinfo|stream"


def acl_lines(
    keys: GatewayKeys, rate_limit_prefix: str, *, public: str, internal: str, gateway: str, admin: str | None = None
) -> list[str]:
    """Lines of an ACL file; the arguments are the users' passwords, of which it holds hashes. Nobody is `default`.

    Both services write the projection (any process may keep it), and each has its rate limits beside.
    The gateway reads the projection and writes nothing but its replay keys. `admin`, if given, may do everything: the
    others may not even load this file anew.
    """
    projection = f"~{keys.record_prefix}* ~{keys.stream} ~{keys.projection}"
    service = f"resetchannels -@all {_CONNECTION} {_SERVICE} {projection}"
    reads = f"resetchannels -@all {_CONNECTION} {_GATEWAY} {projection.replace('~', '%R~')}"
    administrator = [] if admin is None else [f"user admin on {_password(admin)} ~* &* +@all"]
    return [
        "user default off",
        *administrator,
        f"user public on {_password(public)} {service} ~{rate_limit_prefix}*",
        f"user internal on {_password(internal)} {service} ~control-plane:{rate_limit_prefix}*",
        f"user gateway on {_password(gateway)} {reads} (~gateway:replay:* +set +get)",
    ]


def _password(password: str) -> str:
    """As Redis keeps it itself: SHA-256 without a salt, so only random passwords are safe in such a file."""
    return f"#{hashlib.sha256(password.encode()).hexdigest()}"
