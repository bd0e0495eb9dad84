"""Writes `src/codes.ts`: the error codes of the contract as a type of TypeScript."""

from pathlib import Path
from typing import Final

from contracts.errors import ErrorCode
from contracts.signed_request import RequestRefusal

CODES: Final = Path(__file__).with_name("src") / "codes.ts"


def codes_module() -> str:
    """The module's text."""
    codes = dict.fromkeys([*ErrorCode, *RequestRefusal])
    members = "\n".join(f"  | '{code.value}'" for code in sorted(codes))
    return (
        "// Written by `python -m clients.js build` from contracts/errors.py and contracts/signed_request.py.\n\n"
        "/** The `error.code` of an answer, of the service or of a gateway. */\n"
        f"export type ServerErrorCode =\n{members}\n"
    )
