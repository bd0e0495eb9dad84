"""The folder `.authsession`: data of the embedded servers, generated secrets, and the state of a running `up`.

A lock lets one `up` at a time use the folder.
"""

import base64
import errno
import fcntl
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import cast

from authsession.embedded.child import StartFailure
from authsession.spelling import typed
from shared.kernel.entropy import SystemEntropy

FOLDER = ".authsession"
_SECRETS_CURE = (
    "put a copy of it back, or write {} into it to continue with new secrets (open login codes and operators' sessions "
    "end, rows sealed in the audit trail can no longer be verified, and stored secrets can no longer be opened)"
)
_CURES = {
    errno.EACCES: "give the folder and its contents to the user who runs this command",
    errno.EPERM: "give the folder and its contents to the user who runs this command",
    errno.EROFS: "run the command in a writable folder",
    errno.EEXIST: "move that file away",
    errno.ENOSPC: "make room on its disk",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Passwords and keys, generated once per installation and kept in a file that only its owner can read."""

    public_postgres_password: str = field(repr=False)
    internal_postgres_password: str = field(repr=False)
    public_redis_password: str = field(repr=False)
    internal_redis_password: str = field(repr=False)
    gateway_redis_password: str = field(repr=False)
    login_code_keys: str = field(repr=False)
    sealing_keys: str = field(repr=False)
    cookie_keys: str = field(repr=False)
    audit_keys: str = field(repr=False)
    config_keys: str = field(repr=False)
    secret_keys: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The addresses and environments of a running `up`, for the other commands. It holds credentials.

    `node_url` is the root of the node API: `internal_url`, unless nodes have a listener of their own. It is empty if an
    earlier release of `up` runs, which has no nodes.
    """

    public_url: str
    internal_url: str
    node_url: str = ""
    owner_dsn: str = field(repr=False)
    public_environment: dict[str, str] = field(repr=False)
    internal_environment: dict[str, str] = field(repr=False)


class Installation:
    """The state folder under a working folder."""

    def __init__(self, working_folder: Path) -> None:
        self.folder = working_folder / FOLDER

    @property
    def postgres_folder(self) -> Path:
        return self.folder / "postgres"

    @property
    def redis_folder(self) -> Path:
        return self.folder / "redis"

    @contextmanager
    def locked(self) -> Generator[None]:
        """Locks the folder; the lock ends with the process. Raises `StartFailure` if another process holds it."""
        with self._used():
            self.folder.mkdir(mode=0o700, exist_ok=True)
            lock = (self.folder / "lock").open("a+")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StartFailure(f"another `{typed('up')}` already runs on {self.folder}: stop it first") from None
            yield

    def secrets(self) -> Secrets:
        """The installation's secrets; missing ones are generated and written.

        Raises `StartFailure` if the file is damaged, or if it is gone while the data exist.
        """
        path = self.folder / "secrets.json"
        kept = self._kept(path)
        made = {each.name: _new_keys() if each.name.endswith("_keys") else _random() for each in fields(Secrets)}
        secrets = Secrets(**{name: kept.get(name, new) for name, new in made.items()})
        if asdict(secrets) != kept:
            with self._used():
                write_private(path, json.dumps(asdict(secrets), indent=2))
        return secrets

    def _kept(self, path: Path) -> dict[str, str]:
        if not path.exists():
            if (self.postgres_folder / "data").exists():
                raise StartFailure(f"{path} is gone: {_SECRETS_CURE}")
            return {}
        with self._used():
            text = path.read_bytes()
        try:
            kept: object = json.loads(text)
        except ValueError:
            kept = None
        if isinstance(kept, dict):
            values = cast("dict[str, object]", kept).values()
            if all(isinstance(value, str) for value in values):
                return cast("dict[str, str]", kept)
        raise StartFailure(f"{path} is damaged: {_SECRETS_CURE}")

    def tell(self, running: Running) -> None:
        """Writes `running` to the folder, for the other commands. Replaces an earlier one."""
        with self._used():
            write_private(self.folder / "running.json", json.dumps(asdict(running)))

    def forget(self) -> None:
        """Removes what `tell` wrote. May be repeated."""
        (self.folder / "running.json").unlink(missing_ok=True)

    def running(self) -> Running | None:
        """The `up` that runs in this folder; None if none does, also after an `up` that was killed.

        Raises `StartFailure` if the folder or its file cannot be read.
        """
        path = self.folder / "running.json"
        with self._used():
            if not path.exists():
                return None
        try:
            with self.locked():
                return None  # nobody holds the lock: the file is from an `up` that was killed
        except StartFailure:
            pass
        with self._used():
            text = path.read_bytes()
        try:
            return Running(**json.loads(text))
        except (TypeError, ValueError):
            raise StartFailure(f"{path} is damaged: stop `up` and start it again") from None

    @contextmanager
    def _used(self) -> Generator[None]:
        """Turns an `OSError` into a `StartFailure` that names the cure."""
        try:
            yield
        except OSError as fault:
            cure = _CURES.get(fault.errno or 0, "correct that and try again")
            path = fault.filename or self.folder
            raise StartFailure(f"{path} cannot be used ({fault.strerror}): {cure}") from fault


def write_private(path: Path, text: str) -> None:
    """Replaces the file atomically and durably; only its owner may read it."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _random() -> str:
    return base64.urlsafe_b64encode(SystemEntropy().token_bytes(24)).decode()


def _new_keys() -> str:
    """A ring of one key, in the form that `KeyRing.parse` reads."""
    return f"k1:{base64.b64encode(SystemEntropy().token_bytes(32)).decode()}"
