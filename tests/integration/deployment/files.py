"""docker-compose.yml and the Dockerfiles, read as an engine would: there is none where the tests run."""

import json
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from authsession.service import SOURCE

IMAGES = ("public_auth", "internal_admin", "authsession")
SECRETS = "/run/secrets/"


def compose() -> dict[str, Any]:
    """The whole file, its anchors and merges resolved."""
    return yaml.safe_load((SOURCE / "docker-compose.yml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """The instructions of each stage, `(name, arguments)`, and the lines of the last one by name."""

    stages: list[list[tuple[str, str]]]

    @property
    def copies(self) -> list[tuple[str, str]]:
        """From the build context: source and destination."""
        lines = [text.split() for stage in self.stages for name, text in stage if name == "COPY"]
        return [(words[0], words[1]) for words in lines if not words[0].startswith("--")]

    def last(self, name: str) -> str:
        """The arguments of that instruction in the image that is made."""
        return next(text for each, text in reversed(self.stages[-1]) if each == name)

    def json_list(self, name: str) -> list[str]:
        """The command in the form that needs no shell."""
        return json.loads(re.sub(r"^.*?(?=\[)", "", self.last(name), flags=re.DOTALL))


def dockerfile(image: str) -> Dockerfile:
    """That of `docker/{image}.Dockerfile`."""
    text = (SOURCE / "docker" / f"{image}.Dockerfile").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    stages: list[list[tuple[str, str]]] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, arguments.strip()))
    return Dockerfile(stages)


def replay_copies(image: str, folder: Path) -> Path:
    """The image's files under /app, put under `folder`."""
    for source, destination in dockerfile(image).copies:
        if destination.startswith("/"):
            continue  # the lock file: beside the program, not in it
        (folder / destination).parent.mkdir(parents=True, exist_ok=True)
        if (SOURCE / source).is_dir():
            shutil.copytree(SOURCE / source, folder / destination, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(SOURCE / source, folder / destination)
    return folder


def words(command: str | list[str]) -> list[str]:
    """A command of the compose file."""
    return shlex.split(command) if isinstance(command, str) else command


def secrets_of(service: dict[str, Any]) -> set[str]:
    """The secrets mounted into a service."""
    return set(service.get("secrets", []))


def secrets_named_in(service: dict[str, Any]) -> set[str]:
    """The secrets that its environment and command speak of."""
    texts = [*map(str, service.get("environment", {}).values()), *map(str, service.get("command", []))]
    return {name for text in texts for name in re.findall(rf"{SECRETS}(\w+)", text)}


def unit(process: str) -> list[tuple[str, str]]:
    """Names and values of the unit, in their order; names repeat."""
    lines = (SOURCE / f"deploy/systemd/authsession-{process}.service").read_text("utf-8").splitlines()
    return [
        (name, value) for line in lines if not line.startswith("#") for name, eq, value in [line.partition("=")] if eq
    ]
