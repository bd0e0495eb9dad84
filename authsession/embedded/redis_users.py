"""The ACL users of Redis (SPEC §1.2), each limited in keys and commands: of the embedded one and, by
`authsession redis-acl`, of any other.

https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl
"""

import hashlib

from contracts.gateway import GatewayKeys

# Only what Redis 7.0 knows, or it takes none of the file. So without `client|setinfo` (7.2), which we never send:
# libraries that do send it go on when it is refused.
_CONNECTION = "+ping +auth +hello +acl|whoami +info +time"
# For the scripts of shared.projection and shared.web, which run with their caller's rights. What they call, and what
# is sent without a script, stands in one selector for each kind of key, so that no key can get another type.
_SCRIPTS = "+evalsha +script|load"
_STATE = "+hget +hgetall +hmget +hset"
_GATEWAY = "+get +mget +hget +hgetall +hmget +exists +pttl +xread +xrange +xrevrange +xlen +xinfo|stream"


def acl_lines(
    keys: GatewayKeys, rate_limit_prefix: str, *, public: str, internal: str, gateway: str, admin: str | None = None
) -> list[str]:
    """Lines of an ACL file; the arguments are the users' passwords, of which it holds hashes. Nobody is `default`.

    Both services write the projection (any process may keep it), and each has its rate limits beside.
    The internal one also looks at what is there (SPEC §6.6): only it may list keys, read the stream, and remove what
    stands in the place of stream or projection and is of another type.
    The gateway reads the projection and writes nothing but its replay keys. `admin`, if given, may do everything: the
    others may not even load this file anew.
    """
    projection = f"~{keys.record_prefix}* ~{keys.stream} ~{keys.projection}"
    reads = f"resetchannels -@all {_CONNECTION} {_GATEWAY} {projection.replace('~', '%R~')}"
    public_limits, internal_limits = f"~{rate_limit_prefix}*", f"~control-plane:{rate_limit_prefix}*"
    state = f"(~{keys.projection} {_STATE})"
    public_keys = f"(~{keys.record_prefix}* {public_limits} +get +set) (~{keys.stream} +xadd)"
    internal_keys = (
        f"(~{keys.record_prefix}* {internal_limits} +get +set +pttl) (~{keys.stream} +xadd +xrange +xrevrange)"
        f" (~{keys.stream} ~{keys.projection} +del)"
    )
    service = f"resetchannels -@all {_CONNECTION} {_SCRIPTS} {projection} {state}"
    administrator = [] if admin is None else [f"user admin on {_password(admin)} ~* &* +@all"]
    return [
        "user default off",
        *administrator,
        f"user public on {_password(public)} {service} {public_limits} {public_keys}",
        f"user internal on {_password(internal)} {service} +scan {internal_limits} {internal_keys}",
        f"user gateway on {_password(gateway)} {reads} (~gateway:replay:* +set +get)",
    ]


def _password(password: str) -> str:
    """As Redis keeps it itself: SHA-256 without a salt, so only random passwords are safe in such a file."""
    return f"#{hashlib.sha256(password.encode()).hexdigest()}"
