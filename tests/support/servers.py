"""The servers of tests: the embedded ones of `authsession up`, in temporary folders.

They die with the pytest process, even when that is killed.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis


@contextmanager
def temporary_postgres(*, durable: bool = False) -> Generator[EmbeddedPostgres]:
    """A running server on fresh data.

    Without fsync its data survive the death of its processes, but not that of the machine. Only a bench, whose numbers
    contain the time of a commit, needs it durable.
    """
    with TemporaryDirectory(prefix="authsession-postgres-") as folder:
        server = EmbeddedPostgres(Path(folder), durable=durable)
        try:
            server.start()
            yield server
        finally:
            server.kill()


@contextmanager
def temporary_redis(*, persistent: bool = False, users: tuple[str, ...] = ()) -> Generator[EmbeddedRedis]:
    """A running, empty server. If persistent, its data survives `kill` and `start`, except the last second's."""
    with TemporaryDirectory(prefix="authsession-redis-") as folder:
        server = EmbeddedRedis(Path(folder), persistent=persistent, users=users)
        try:
            server.start()
            yield server
        finally:
            server.kill()
