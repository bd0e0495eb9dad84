"""The ACL users of the embedded Redis (SPEC §1.2): each limited in keys and commands.

https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl
"""

from contracts.gateway import GatewayKeys

_CONNECTION = "+ping +hello +auth +client|setinfo +client|setname +client|id"
_SCRIPTS = "+evalsha +eval +script|load"


def acl_lines(keys: GatewayKeys, *, public: str, internal: str, gateway: str) -> list[str]:
    """Lines of an ACL file; the arguments are the users' passwords. Nobody is `default`.

    Both services write the projection (any process may hold the keeper's lock), each has rate-limit keys of its own.
    The gateway reads the projection and writes nothing but its replay keys.
    """
    projection = f"~{keys.record_prefix}* ~{keys.stream} ~{keys.projection}"
    writes = f"{projection} {_CONNECTION} {_SCRIPTS} +get +mget +set +del +hget +hgetall +hset +hmget +expire +pexpire"
    writes += " +xadd +xlen +scan +info +time +publish +subscribe &authsession:*"
    reads = f"%R~{keys.record_prefix}* %R~{keys.stream} %R~{keys.projection} {_CONNECTION}"
    reads += " +get +mget +hget +hgetall +hmget +exists +ttl +pttl +xread +xrange +xrevrange +xlen +xinfo|stream +time"
    return [
        "user default off",
        f"user public on >{public} resetkeys resetchannels -@all {writes} ~authsession:public:*",
        f"user internal on >{internal} resetkeys resetchannels -@all {writes} ~authsession:internal:*",
        f"user gateway on >{gateway} resetkeys resetchannels -@all {reads} (~gateway:replay:* +set +get)",
    ]
