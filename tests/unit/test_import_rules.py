"""Laws of the tree (SPEC §1.2): each import rule holds, and bites when it is broken."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("authsession", "clients", "contracts", "services", "shared")
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of our packages and their rules, to break."""
    others = shutil.ignore_patterns("__pycache__", "node_modules")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=others)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path) -> str:
    """The result of import-linter: a name for each rule, and whether it was kept."""
    command = [sys.executable, "-c", LINT, "--no-cache"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_every_import_rule_is_kept(tree: Path) -> None:
    assert "10 kept, 0 broken" in lint(tree)


@pytest.mark.parametrize(
    ("module", "forbidden_import", "rule"),
    [
        ("services/public_auth/flows", "services.internal_admin.sessions.flow", "services never import each other"),
        ("services/internal_admin/sessions", "services.public_auth.flows", "services never import each other"),
        ("shared/web", "services.public_auth.flows", "services stand on shared"),
        ("contracts", "shared.kernel", "services stand on shared"),
        ("services/public_auth", "authsession", "services stand on shared"),
        ("services/public_auth/flows", "services.public_auth.api", "a request of the public service goes one way"),
        ("services/public_auth/domain", "services.public_auth.store", "a request of the public service goes one way"),
        (
            "services/internal_admin/sessions",
            "services.internal_admin.blocks.api",
            "the features of the internal service",
        ),
        ("services/internal_admin/tokens", "services.internal_admin.audit.api", "the features of the internal service"),
        (
            "services/internal_admin/audit/store",
            "services.internal_admin.audit.api",
            "a request of the internal service",
        ),
        ("shared/kernel", "shared.io.postgres", "the rooms of shared"),
        ("shared/io", "shared.web.app", "the rooms of shared"),
        ("services/public_auth/flows", "trio_asyncio", "asyncio lives in one room"),
        ("shared/projection", "trio_asyncio", "asyncio lives in one room"),
        ("shared/kernel", "trio", "the kernel and the domains are pure"),
        ("shared/http", "trio", "the kernel and the domains are pure"),
        ("shared/kernel", "logging", "the kernel and the domains are pure"),
        ("services/public_auth/domain", "asyncpg", "the kernel and the domains are pure"),
        ("services/internal_admin/operators/domain", "shared.io.postgres", "the kernel and the domains are pure"),
        ("clients/gateway", "services.public_auth.api", "services stand on shared"),
        ("services/public_auth", "clients.gateway", "services stand on shared"),
        ("clients/gateway", "shared.kernel", "clients stand on contracts alone"),
        ("clients/gateway", "asyncio", "clients stand on contracts alone"),
        ("clients/gateway", "trio", "clients stand on contracts alone"),
        ("clients/node", "shared.kernel", "clients stand on contracts alone"),
        ("clients/node", "trio", "clients stand on contracts alone"),
        ("contracts", "quart", "contracts import nothing of ours and no framework"),
    ],
)
def test_a_forbidden_import_breaks_its_rule(tree: Path, module: str, forbidden_import: str, rule: str) -> None:
    (tree / module / "intruder.py").write_text(f"import {forbidden_import}\n")
    broken = [line for line in lint(tree).splitlines() if " BROKEN" in line]
    assert any(line.startswith(rule) for line in broken), broken


@pytest.mark.parametrize(("service", "other"), [("public_auth", "internal_admin"), ("internal_admin", "public_auth")])
def test_a_process_holds_no_code_of_the_other_service(service: str, other: str) -> None:
    program = (
        f"import sys, services.{service}.settings, services.{service}.wiring\n"
        f"print(*(name for name in sys.modules if name.startswith('services.{other}')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_every_feature_of_the_internal_service_is_listed() -> None:
    """import-linter itself refuses a folder that no floor names; this is about the layers inside the folders."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    listed = next(each["containers"] for each in contracts if "goes one way through its feature" in each["name"])
    folders = (ROOT / "services/internal_admin").glob("*/__init__.py")
    assert listed == sorted(f"services.internal_admin.{folder.parent.name}" for folder in folders)


def test_a_folder_that_no_floor_names_breaks_its_rule(tree: Path) -> None:
    (tree / "services/internal_admin/attic").mkdir()
    (tree / "services/internal_admin/attic/__init__.py").touch()
    assert "attic" in lint(tree)
