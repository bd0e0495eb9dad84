"""`pip install ./clients/node` in an application that has packages `clients` and `contracts` of its own."""

import ast
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from authsession.service import SOURCE

APPLICATION = """
import clients, contracts
assert (clients.OWNER, contracts.OWNER) == ("the application", "the application")

import importlib, pkgutil
import authsession_node
for module in pkgutil.walk_packages(authsession_node.__path__, "authsession_node."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

from authsession_node.conformance.golden import golden_questions
print(len(list(golden_questions())), *authsession_node.__all__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what the folder needs, so that this checkout stays as it is."""
    folder = tmp_path_factory.mktemp("distribution")
    for name in ("clients", "contracts", "LICENSE"):
        subprocess.run(["cp", "-R", SOURCE / name, folder / name], check=True, timeout=60)
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, folder / "clients/node"]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *build], check=True, timeout=120)
    return next(folder.glob("*.whl"))


def test_the_package_adds_one_name_and_its_types(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"authsession_node", "authsession_node-0.1.0.dist-info"}
    assert "authsession_node/py.typed" in names
    assert "authsession_node-0.1.0.dist-info/licenses/LICENSE" in names


def test_the_package_works_beside_an_application_with_the_same_names(wheel: Path, tmp_path: Path) -> None:
    site, application = tmp_path / "site", tmp_path / "application"
    zipfile.ZipFile(wheel).extractall(site)
    for name in ("clients", "contracts"):
        (application / name).mkdir(parents=True)
        (application / name / "__init__.py").write_text('OWNER = "the application"\n')
    (application / "main.py").write_text(APPLICATION)
    # No .pth file of this environment is read: the checkout itself is out of reach.
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{sysconfig.get_path('purelib')}"}
    done = subprocess.run(
        [vars(sys)["_base_executable"], "-s", "main.py"],
        cwd=application,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    questions, *exported = done.stdout.split()
    assert int(questions) > 30
    assert {"open_node", "NodeSettings", "ConfigurationRejected"} <= set(exported)


def test_every_contract_that_the_package_imports_is_listed() -> None:
    """The list in setup.py is the closure of imports: nothing is missing, nothing is left over."""
    listed = _constant(SOURCE / "clients/node/setup.py", "MODULES")
    wanted, waiting = {"__init__", "node.__init__"}, [*(SOURCE / "clients/node").rglob("*.py")]
    while waiting:
        for name in _imported_contracts(waiting.pop()) - wanted:
            wanted.add(name)
            waiting.append(SOURCE / "contracts" / f"{name.replace('.', '/')}.py")
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
