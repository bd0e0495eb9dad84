"""Builds the distribution `authsession-gateway`, whose one package is `authsession_gateway`.

The package is this folder and, as `authsession_gateway.contracts`, the modules of `contracts` that it imports.
Imports are rewritten: an installation adds no name, such as `clients`, that an application may have itself.
A source distribution holds the assembled package, and is built without the rest of the repository.
"""

import re
import shutil
from pathlib import Path

from setuptools import setup

NAME = "authsession_gateway"
HERE = Path(__file__).resolve().parent
CONTRACTS = HERE.parents[1] / "contracts"
ASSEMBLED = HERE / "assembled"
MODULES = (
    "__init__",
    "cors",
    "encoding",
    "envelope_signature",
    "errors",
    "gateway",
    "gateway_configuration",
    "node.__init__",
    "node.report",
    "reply_bounds",
    "session_status",
    "signed_request",
    "strict_json",
    "uvarint",
)
VECTORS = (
    "gateway_cache",
    "gateway_configurations",
    "gateway_records",
    "request_checks",
    "signed_requests",
    "stream_entries",
)


def assemble() -> None:
    """Writes the whole package; removes an earlier one."""
    package = ASSEMBLED / NAME
    shutil.rmtree(ASSEMBLED, ignore_errors=True)
    for source in (HERE, HERE / "conformance"):
        for path in sorted(source.glob("*.py")):
            if path.name != "setup.py":
                _write(package / path.relative_to(HERE), _rewritten(path.read_text("utf-8")))
    for module in MODULES:
        path = Path(*module.split(".")).with_suffix(".py")
        _write(package / "contracts" / path, _rewritten((CONTRACTS / path).read_text("utf-8")))
    for name in VECTORS:
        _write(
            package / "contracts" / "vectors" / f"{name}.json",
            (CONTRACTS / "vectors" / f"{name}.json").read_text("utf-8"),
        )
    _write(package / "py.typed", "")
    _write(HERE / "LICENSE", (CONTRACTS.parent / "LICENSE").read_text("utf-8"))


def _rewritten(text: str) -> str:
    text = text.replace("clients.gateway", NAME).replace('files("contracts")', f'files("{NAME}.contracts")')
    return re.sub(r"^(from|import) contracts\b", rf"\1 {NAME}.contracts", text, flags=re.MULTILINE)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


if CONTRACTS.is_dir():
    assemble()
setup(
    packages=[NAME, f"{NAME}.conformance", f"{NAME}.contracts", f"{NAME}.contracts.node"],
    package_dir={"": "assembled"},
    package_data={NAME: ["py.typed"], f"{NAME}.contracts": ["vectors/*.json"]},
)
