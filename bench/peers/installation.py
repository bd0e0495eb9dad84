"""Puts the peers into `.peers/`, pinned and checked by their lock files. Nothing else in the project needs them."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path

from bench.peers.system import PEERS, SITES


def install_peers(names: Collection[str]) -> None:
    """Those of them that are peers. May be repeated: what is there with the same lock stays. Needs node and npm."""
    if "better-auth" in names:
        _install("better_auth", "package-lock.json", _install_better_auth)
    if "django-allauth" in names:
        _install("django_allauth", "requirements.txt", _install_django_allauth)


def _install(name: str, lock: str, install: Callable[[Path, Path], None]) -> None:
    site, home = SITES / name, PEERS / name
    digest = hashlib.sha256((site / lock).read_bytes()).hexdigest()
    stamp = home / "installed"
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"installing {name} into {home.relative_to(PEERS.parent)}", file=sys.stderr)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    install(site, home)
    stamp.write_text(digest)


def _install_better_auth(site: Path, home: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(site / name, home)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=home, check=True)


def _install_django_allauth(site: Path, home: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    pip = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", site / "requirements.txt"], check=True)
