"""The images hold what their process imports and nothing of the other service (SPEC §1.2, third of the four levels)."""

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest

from authsession.service import SOURCE
from tests.integration.deployment.files import IMAGES, dockerfile, replay_copies

ENTRY = {
    "public_auth": "services.public_auth.__main__",
    "internal_admin": "services.internal_admin.__main__",
    "authsession": "authsession.__main__",
}
OURS = ("authsession", "contracts", "services", "shared")
ONLY_FOR_UP = {"psutil", "dotenv"}
"""Packages of the extra `embedded`; the command imports them when it is `up`, which needs no image."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """The import graph, lazy imports included."""
    return grimp.build_graph(*OURS, include_external_packages=True, cache_dir=None)


def closure(graph: grimp.ImportGraph, image: str) -> set[str]:
    """Every module that the image's process may come to import, and the packages around each."""
    modules = graph.find_upstream_modules(ENTRY[image]) | {ENTRY[image]}
    ours = {module for module in modules if module.partition(".")[0] in OURS}
    return modules | {module.rsplit(".", n)[0] for module in ours for n in range(1, module.count(".") + 1)}


def source_file(module: str) -> str:
    """Its path in the tree."""
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (SOURCE / path).is_dir() else f"{path}.py"


def covers(source: str, path: str) -> bool:
    return path == source or path.startswith(f"{source}/")


@pytest.mark.parametrize("image", IMAGES)
def test_the_image_holds_every_module_that_its_process_imports(graph: grimp.ImportGraph, image: str) -> None:
    sources = [source for source, _ in dockerfile(image).copies]
    needed = {source_file(module) for module in closure(graph, image) if module.partition(".")[0] in OURS}
    assert len(needed) > 30
    assert [path for path in sorted(needed) if not any(covers(source, path) for source in sources)] == []


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_is_copied_that_the_process_does_not_import(graph: grimp.ImportGraph, image: str) -> None:
    needed = {source_file(module) for module in closure(graph, image) if module.partition(".")[0] in OURS}
    sources = [source for source, _ in dockerfile(image).copies if source != "requirements/runtime.txt"]
    assert [source for source in sources if not any(covers(source, path) for path in needed)] == []


@pytest.mark.parametrize(
    ("image", "foreign"),
    [("public_auth", ["services/internal_admin", "authsession"]),
     ("internal_admin", ["services/public_auth", "authsession"])],
)  # fmt: skip
def test_a_service_image_holds_no_code_of_the_other_and_none_of_the_command_line(
    image: str, foreign: list[str], tmp_path: Path
) -> None:
    replay_copies(image, tmp_path)
    assert (tmp_path / "services" / image).is_dir()
    assert [path for path in foreign if (tmp_path / path).exists()] == []


@pytest.mark.parametrize("image", IMAGES)
def test_every_package_it_imports_is_in_the_runtime_lock(graph: grimp.ImportGraph, image: str) -> None:
    locked = set(re.findall(r"^([a-z0-9-]+)==", (SOURCE / "requirements/runtime.txt").read_text(), re.MULTILINE))
    owners = packages_distributions()
    roots = {module.partition(".")[0] for module in closure(graph, image)} - {*OURS, *sys.stdlib_module_names}
    missing = {
        root for root in roots if not {re.sub(r"[-_.]+", "-", name).lower() for name in owners.get(root, [])} & locked
    }
    assert missing == (ONLY_FOR_UP if image == "authsession" else set())


@pytest.mark.parametrize("image", IMAGES)
def test_the_image_is_made_in_two_stages_from_hashes_and_runs_as_nobody_in_particular(image: str) -> None:
    file = dockerfile(image)
    build, final = file.stages
    assert all(re.fullmatch(r"python:3\.1[1-3]\.\d+-slim-\w+( AS build)?", stage[0][1]) for stage in (build, final))
    (install,) = [text for name, text in build if name == "RUN" and "pip" in text]
    assert {"--require-hashes", "--only-binary"} <= set(install.split())
    assert all(text.startswith("--from=build") for name, text in final if name == "COPY")
    uid, _, gid = file.last("USER").partition(":")
    assert int(uid) >= 10_000 <= int(gid)
    assert [name for name, _ in final].index("USER") > max(
        place for place, (name, _) in enumerate(final) if name in ("COPY", "RUN", "ENV")
    )


def test_the_build_context_is_what_the_images_copy() -> None:
    lines = [line for line in (SOURCE / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    admitted = {line[1:] for line in lines if line.startswith("!")}
    sources = {source for image in IMAGES for source, _ in dockerfile(image).copies}
    assert [source for source in sources if not any(covers(each, source) for each in admitted)] == []
    assert admitted <= sources
