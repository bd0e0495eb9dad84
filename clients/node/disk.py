"""Files that a kill at any moment leaves whole: the old content or the new, never a part."""

import errno
import fcntl
import os
import stat
from pathlib import Path

_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
_UNFINISHED = ".unfinished"


class FolderInUse(Exception):
    """Another process uses the folder. Each process needs a node of its own."""


def kind_of(fault: OSError) -> str:
    """The fault's symbol, such as `ENOSPC`. It names no path."""
    return errno.errorcode.get(fault.errno or 0, "disk")


class Folder:
    """A folder for its owner alone (0700). Its files have the mode 0600. All methods block."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        if stat.S_IMODE(path.stat().st_mode) != _FOLDER_MODE:
            path.chmod(_FOLDER_MODE)

    def lock(self) -> int:
        """Takes the folder for this process. `os.close` of the result gives it back. Raises `FolderInUse`."""
        lock = self._open_lock()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise FolderInUse(f"another process uses {self.path}; each process needs a folder of its own") from None
        return lock

    def _open_lock(self) -> int:
        """A disk that became read-only still has what the node needs to start."""
        try:
            return os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _FILE_MODE)
        except OSError as fault:
            if fault.errno != errno.EROFS:
                raise
            return os.open(self.path / "lock", os.O_RDONLY | os.O_CLOEXEC)

    def read(self, name: str, most_bytes: int) -> bytes | None:
        """The content of the file; None if it is absent. Raises `OSError`, also for a larger file."""
        try:
            with (self.path / name).open("rb") as file:
                content = file.read(most_bytes + 1)
        except FileNotFoundError:
            return None
        if len(content) > most_bytes:
            raise OSError(f"{name} has more than {most_bytes} bytes")
        return content

    def write(self, name: str, content: bytes) -> None:
        """Writes, syncs and renames. The name is durable only after `sync`."""
        unfinished = self.path / (name + _UNFINISHED)
        file = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, _FILE_MODE)
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(file, left) :]
            os.fsync(file)
        finally:
            os.close(file)
        unfinished.replace(self.path / name)

    def rename(self, old: str, new: str) -> None:
        """Gives the file the new name, in place of a file that has it. The name is durable only after `sync`."""
        (self.path / old).replace(self.path / new)

    def sync(self) -> None:
        """Makes every written, renamed and removed name durable."""
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def save(self, name: str, content: bytes) -> None:
        """Writes the file and makes its name durable."""
        self.write(name, content)
        self.sync()

    def remove(self, name: str) -> None:
        """Removes the file if it exists."""
        (self.path / name).unlink(missing_ok=True)

    def names(self) -> set[str]:
        return {each.name for each in self.path.iterdir()}
