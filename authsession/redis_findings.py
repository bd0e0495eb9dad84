"""`authsession doctor` examines Redis: version, user, the writes of a login, the keeper, persistence and memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from authsession.finding import Finding
from authsession.redis_access import RedisQuestions, RedisRefusal, redis_problem, redis_questions
from authsession.spelling import typed
from contracts.gateway import GatewayKeys
from shared.config import variables
from shared.config.settings import Reading
from shared.kernel.faults import ConfigurationError
from shared.projection.rights import DRY_RUN, keys_of_a_login

OLDEST_REDIS = (6, 2)
OLDEST_WITH_NODE_USERS = (7, 0)
_NO_NODE = "node-00000000000000000000000000"
NODE_USER_COMMANDS = (("USERS",), ("GETUSER", _NO_NODE), ("SETUSER", _NO_NODE, "no-rule"), ("DELUSER", _NO_NODE))
"""The commands for users of nodes, so that they change nothing: `no-rule` is refused as a whole, if not for a right."""
FRESH_BEAT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Kept:
    """The last heartbeat of the process that keeps the projection, as Postgres holds it."""

    run_id: str
    age: timedelta


def redis_findings(name: str, environment: Mapping[str, str], kept: Kept | None) -> list[Finding]:
    """Everything that doctor tells of the Redis of one process. `kept` is None if Postgres knows no keeper."""
    try:
        problem = redis_problem(environment)
        if problem is not None:
            return [Finding("fail", problem)]
        with redis_questions(environment) as redis:
            return [
                _redis_version(redis),
                _redis_user(redis),
                _redis_writes(redis, name, environment),
                *_node_users(redis, name, environment),
                *([] if kept is None else [_one_redis(redis, kept)]),
                _redis_persistence(redis),
                _redis_memory(redis),
            ]
    except ConfigurationError:
        return []  # `_configuration` reports that
    except RedisRefusal as refusal:
        return [Finding("fail", f"Redis refused a command of doctor ({refusal})", "give its user +info")]
    except OSError:
        return [Finding("fail", "Redis closed the connection", "look at its log")]


def _redis_version(redis: RedisQuestions) -> Finding:
    server = redis.info("server")
    text = server["redis_version"]
    if _version_of(redis) < OLDEST_REDIS:
        return Finding("fail", f"Redis {text}", "use 6.2 or later")
    return Finding("ok", f"Valkey {server['valkey_version']}" if "valkey_version" in server else f"Redis {text}")


def _version_of(redis: RedisQuestions) -> tuple[int, ...]:
    """Major and minor version. Valkey names here the Redis that it is compatible with."""
    return tuple(map(int, redis.info("server")["redis_version"].split(".")[:2]))


def _redis_user(redis: RedisQuestions) -> Finding:
    try:
        user = redis.ask("ACL", "WHOAMI")
    except RedisRefusal:
        user = "unknown, because it lacks +acl|whoami"
    if user == "default":
        return Finding("warn", "Redis user default", "give each process an ACL user: AUTHSESSION_REDIS_USERNAME")
    return Finding("ok", f"Redis user {user}")


def _redis_writes(redis: RedisQuestions, name: str, environment: Mapping[str, str]) -> Finding:
    """A dry run of each kind of write that a login does."""
    try:
        digest = str(redis.ask("SCRIPT", "LOAD", DRY_RUN))
    except RedisRefusal as refusal:
        if str(refusal) != "NOPERM":
            raise
        own = name if name in ("public", "internal") else "public or internal"
        cure = f"set AUTHSESSION_REDIS_USERNAME to {own}: the user of a gateway may only read"
        return Finding("fail", "this user of Redis may not run scripts", cure)
    for kind, key in _keys_of_a_login(name, environment).items():
        try:
            code = redis.ask("EVALSHA", digest, "1", key, kind)
        except RedisRefusal as refusal:
            code = str(refusal)
        if code == "NOPERM":
            cure = f"write its ACL file again with `{typed('redis-acl')}`: a prefix of keys may have changed"
            return Finding("fail", f"this user of Redis may not write the key of a {kind.replace('_', ' ')}", cure)
        if code:
            cure = "look at its log and its memory, and check that it is no replica"
            return Finding("fail", f"Redis refuses to write ({code})", cure)
    return Finding("ok", "Redis accepts the writes of a login")


def _node_users(redis: RedisQuestions, name: str, environment: Mapping[str, str]) -> list[Finding]:
    """Whether the internal process may make users of nodes, if it is to. Nothing is made."""
    reading = Reading(environment)
    is_on = reading.required(variables.NODE_REDIS_USERS)
    reading.finish()
    if not is_on or name == "public":
        return []
    setting = variables.NODE_REDIS_USERS.name
    if _version_of(redis) < OLDEST_WITH_NODE_USERS:
        return [Finding("fail", "this Redis is too old for users of nodes", f"use 7.0 or later, or set {setting}=off")]
    for command in NODE_USER_COMMANDS:
        try:
            redis.ask("ACL", *command)
        except RedisRefusal as refusal:
            if str(refusal) == "NOPERM":
                cure = f"write its ACL file again with `{typed('redis-acl')} --node-users`, or set {setting}=off"
                return [Finding("fail", f"this user of Redis may not run ACL {command[0]} for users of nodes", cure)]
    text = f"Redis lets this user make users of nodes, which makes it an administrator of Redis ({setting}=on)"
    return [Finding("ok", text)]


def _keys_of_a_login(name: str, environment: Mapping[str, str]) -> Mapping[str, str]:
    """One key for each kind of write. The key of the rate limit is missing if both processes share the environment."""
    reading = Reading(environment)
    keys = GatewayKeys(reading.required(variables.GATEWAY_KEY_PREFIX), reading.required(variables.GATEWAY_STREAM))
    prefix = reading.required(variables.RATE_LIMIT_KEY_PREFIX)
    reading.finish()
    found = keys_of_a_login(keys, f"control-plane:{prefix}" if name == "internal" else prefix)
    return found if name in ("public", "internal") else {kind: found[kind] for kind in found if kind != "rate_limit"}


def _one_redis(redis: RedisQuestions, kept: Kept) -> Finding:
    """Whether the process that keeps the projection uses this Redis. Only a fresh heartbeat can tell."""
    if kept.age > FRESH_BEAT:
        text = f"no process has kept the gateway projection for {kept.age.total_seconds():.0f} s"
        return Finding("warn", text, "start the processes; if they run, /readyz and their logs name the reason")
    if redis.info("server").get("run_id") != kept.run_id:
        text = "the process that keeps the gateway projection uses another Redis"
        return Finding("fail", text, "set one AUTHSESSION_REDIS_ADDR for all processes")
    return Finding("ok", "the process that keeps the gateway projection uses this Redis")


def _redis_persistence(redis: RedisQuestions) -> Finding:
    if redis.info("persistence").get("aof_enabled") == "1":
        return Finding("ok", "Redis keeps its data over a restart")
    return Finding("warn", "Redis loses its data at a restart", "set appendonly yes: a restart then costs no rebuild")


def _redis_memory(redis: RedisQuestions) -> Finding:
    policy = redis.info("memory").get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        text = f"Redis may evict sessions (maxmemory-policy {policy})"
        return Finding("fail", text, "set maxmemory-policy noeviction: a gateway refuses an evicted session")
    return Finding("ok", "Redis evicts nothing")
