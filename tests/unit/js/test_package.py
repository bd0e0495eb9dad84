"""The package `@authsession/client`: what is committed, what npm would publish, and what a consumer compiles."""

import gzip
import json
import re
import shutil
from pathlib import Path

import pytest

from clients.js.codes import CODES, codes_module
from contracts.errors import ErrorCode
from contracts.signed_request import RequestRefusal
from tests.support.javascript import FOLDER, MODULES, NODE, NPM, needs_npm_packages, run

CONSUMER = Path(__file__).with_name("consumer.ts")
BUNDLES = {"element": 12_000, "index": 7_000, "noble": 7_000, "testing": 7_000, "verify": 7_000}
"""The entry points, and how many bytes each may have under gzip."""
DECLARATIONS = (
    "bytes", "client", "clock", "code", "codes", "element", "element/code-field", "element/dom", "element/flow",
    "element/language", "element/login", "element/panels", "element/styles", "element/words", "envelope", "errors",
    "index", "keys", "label", "noble", "storage", "testing", "verify", "wire",
)  # fmt: skip
OPTIONS = {
    "target": "ES2022",
    "strict": True,
    "noEmit": True,
    "skipLibCheck": False,
    "exactOptionalPropertyTypes": True,
    "lib": ["ES2022", "DOM"],
    "types": [],
}


def files_in(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_the_built_files_are_those_of_the_sources(tmp_path: Path) -> None:
    needs_npm_packages()
    run(NODE, FOLDER / "build.mjs", tmp_path / "dist")
    built, committed = (files_in(folder) for folder in (tmp_path / "dist", FOLDER / "dist"))
    stale = sorted(name for name in built.keys() | committed.keys() if built.get(name) != committed.get(name))
    assert stale == [], "run: .venv/bin/python -m clients.js build"


def test_the_type_of_error_codes_has_exactly_those_of_the_contract() -> None:
    text = CODES.read_text("utf-8")
    assert text == codes_module(), "run: .venv/bin/python -m clients.js build"
    assert set(re.findall(r"'([a-z_]+)'", text)) == {code.value for code in (*ErrorCode, *RequestRefusal)}


def test_npm_publishes_exactly_these_files() -> None:
    said = run(NODE, NPM, "pack", "--dry-run", "--json", "--ignore-scripts", "--loglevel=error")
    files = {file["path"] for file in json.loads(said)[0]["files"]}
    assert files - {"LICENSE"} == {  # the licence is copied by the build
        "README.md",
        "package.json",
        *(f"dist/{name}.js" for name in BUNDLES),
        *(f"dist/{name}.d.ts" for name in DECLARATIONS),
    }


def test_the_package_is_described_as_it_is() -> None:
    described = json.loads((FOLDER / "package.json").read_text("utf-8"))
    assert (described["name"], described["version"]) == ("@authsession/client", "0.1.0")
    assert described["license"] == "Apache-2.0"
    assert "dependencies" not in described
    assert described["sideEffects"] == ["./dist/element.js"]
    for name, targets in described["exports"].items():
        file = "index" if name == "." else name.removeprefix("./")
        assert list(targets.items()) == [("types", f"./dist/{file}.d.ts"), ("default", f"./dist/{file}.js")]


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text("utf-8"))
    packages = [package for path, package in lock["packages"].items() if path]
    assert packages
    assert [package for package in packages if "resolved" in package or "integrity" not in package] == []


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_keeps_its_budget(name: str) -> None:
    bundle = (FOLDER / "dist" / f"{name}.js").read_bytes()
    assert len(gzip.compress(bundle, 9)) <= BUNDLES[name]


def test_the_client_has_no_second_copy_in_other_bundles_and_loads_the_fallback_late() -> None:
    text = {name: (FOLDER / "dist" / f"{name}.js").read_text("utf-8") for name in BUNDLES}
    assert [name for name, code in text.items() if "BroadcastChannel" in code] == ["index"]
    assert [name for name, code in text.items() if "noble-ed25519" in code] == ["noble"]
    assert "noble" not in re.sub(r'import\("\./noble\.js"\)', "", text["index"])


@pytest.mark.parametrize("module", ["NodeNext", "Bundler"])
def test_a_consumer_compiles(tmp_path: Path, module: str) -> None:
    needs_npm_packages()
    installed = tmp_path / "node_modules" / "@authsession" / "client"
    shutil.copytree(FOLDER / "dist", installed / "dist")
    shutil.copy(FOLDER / "package.json", installed)
    shutil.copy(CONSUMER, tmp_path)
    (tmp_path / "package.json").write_text('{"type":"module"}')
    resolution = {"module": "ESNext" if module == "Bundler" else module, "moduleResolution": module}
    options = {"compilerOptions": {**OPTIONS, **resolution}, "files": ["consumer.ts"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(options))
    run(NODE, MODULES / "typescript" / "bin" / "tsc", "--project", tmp_path)
