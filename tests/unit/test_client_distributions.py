"""Each client, installed in an application that has packages `clients` and `contracts` of its own."""

import ast
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from authsession.service import SOURCE

FEWEST_QUESTIONS = {"gateway": 100, "node": 30}
"""The conformance kit of a client asks more golden questions than this."""
EXPORTED = {
    "gateway": {"SignedRequests", "open_session_cache", "RequestCheck"},
    "node": {"open_node", "NodeSettings", "ConfigurationRejected"},
}
APPLICATION = """
import clients, contracts
assert (clients.OWNER, contracts.OWNER) == ("the application", "the application")

import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

golden = importlib.import_module(f"{package.__name__}.conformance.golden")
print(len(list(golden.golden_questions())), *package.__all__)
"""


@pytest.fixture(scope="module", params=list(EXPORTED))
def client(request: pytest.FixtureRequest) -> str:
    """The name of a client's folder."""
    return request.param


@pytest.fixture(scope="module")
def wheel(client: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what the folder needs, so that this checkout stays as it is."""
    folder = tmp_path_factory.mktemp("distribution")
    for name in ("clients/__init__.py", f"clients/{client}", "contracts", "LICENSE"):
        (folder / name).parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-R", SOURCE / name, folder / name], check=True, timeout=60)
    build = [
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        folder / "clients" / client,
    ]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *build], check=True, timeout=120)
    return next(folder.glob("*.whl"))


def test_the_package_adds_one_name_and_its_types(client: str, wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {
        f"authsession_{client}",
        f"authsession_{client}-0.1.0.dist-info",
    }
    assert f"authsession_{client}/py.typed" in names
    assert f"authsession_{client}-0.1.0.dist-info/licenses/LICENSE" in names


def test_the_package_works_beside_an_application_with_the_same_names(client: str, wheel: Path, tmp_path: Path) -> None:
    site, application = tmp_path / "site", tmp_path / "application"
    zipfile.ZipFile(wheel).extractall(site)
    for name in ("clients", "contracts"):
        (application / name).mkdir(parents=True)
        (application / name / "__init__.py").write_text('OWNER = "the application"\n')
    (application / "main.py").write_text(APPLICATION)
    # No .pth file of this environment is read: the checkout itself is out of reach.
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{sysconfig.get_path('purelib')}"}
    done = subprocess.run(
        [vars(sys)["_base_executable"], "-s", "main.py", f"authsession_{client}"],
        cwd=application,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    questions, *exported = done.stdout.split()
    assert int(questions) > FEWEST_QUESTIONS[client]
    assert EXPORTED[client] <= set(exported)


def test_every_contract_that_the_package_imports_is_listed(client: str) -> None:
    """The list in setup.py is the closure of imports: nothing is missing, nothing is left over."""
    listed = _constant(SOURCE / "clients" / client / "setup.py", "MODULES")
    wanted, waiting = {"__init__", "node.__init__"}, [*(SOURCE / "clients" / client).rglob("*.py")]
    while waiting:
        for name in _imported_contracts(waiting.pop()) - wanted:
            wanted.add(name)
            waiting.append((SOURCE / "contracts").joinpath(*name.split(".")).with_suffix(".py"))
    assert sorted(listed) == sorted(wanted)


def _imported_contracts(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {module.removeprefix("contracts.") for module in modules if module.startswith("contracts.")}


def _constant(path: Path, name: str) -> tuple[str, ...]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise LookupError(name)
