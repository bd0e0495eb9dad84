"""`authsession redis-acl`: writes the ACL file for an external Redis, with the embedded Redis' rules (SPEC §1.2)."""

from collections.abc import Mapping
from pathlib import Path

from authsession.embedded.child import StartFailure
from authsession.embedded.redis_users import acl_lines
from contracts.gateway import GatewayKeys
from shared.config import variables
from shared.config.settings import Reading

MIN_PASSWORD_BYTES = 16


def write_acl(
    environment: Mapping[str, str], passwords: Mapping[str, Path | None], output: Path | None, *, node_users: bool
) -> int:
    """Prints the ACL file, or replaces `output` atomically. `passwords` maps each user to its password's file.

    `node_users` gives the internal service the rights to make users of nodes; the setting of the environment does, too.

    Raises `StartFailure` and `ConfigurationError`, and then writes nothing: with an empty ACL file, Redis accepts
    everybody.
    """
    reading = Reading(environment)
    keys = GatewayKeys(reading.required(variables.GATEWAY_KEY_PREFIX), reading.required(variables.GATEWAY_STREAM))
    rate_limit_prefix = reading.required(variables.RATE_LIMIT_KEY_PREFIX)
    node_users = reading.required(variables.NODE_REDIS_USERS) or node_users
    reading.finish()
    texts = {user: _password(path) for user, path in passwords.items() if path is not None}
    lines = acl_lines(keys, rate_limit_prefix, node_users=node_users, **texts)
    text = "\n".join(lines) + "\n"
    if output is None:
        print(text, end="")
    else:
        _replace(output, text)
    return 0


def _password(path: Path) -> str:
    try:
        password = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "not UTF-8 text"
        raise StartFailure(f"the password file {path} cannot be read: {reason}") from None
    if len(password.encode()) < MIN_PASSWORD_BYTES:
        raise StartFailure(f"the password in {path} is too short to be random: make one by `openssl rand -hex 32`")
    return password


def _replace(output: Path, text: str) -> None:
    """Replaces the file atomically. Every user may read it: Redis runs as another user, and it holds no password."""
    new = output.with_name(output.name + ".new")
    try:
        new.write_text(text, "utf-8")
        new.chmod(0o644)
        new.replace(output)
    except OSError as fault:
        raise StartFailure(f"{output} cannot be written: {fault.strerror}") from None
