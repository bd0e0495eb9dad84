"""A small disk that a test can fill."""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

NEEDS_ROOT = (
    "needs root to mount the small disk that this test fills: filling the disk of the machine would harm others"
)


@contextmanager
def small_disk(folder: Path, size: str) -> Generator[bool]:
    """Mounts a disk of `size` (as tmpfs takes it, such as `24m`) at `folder` while inside. Yields False if this user
    may not mount.
    """
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)]
    is_mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
