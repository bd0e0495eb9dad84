"""The example page as a program, and as its visitors use it."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from authsession.embedded.child import free_port
from tests.support.programs import program


@contextmanager
def running_page(folder: Path, *arguments: str, port: int | None = None) -> Generator[str]:
    """`python -m examples.web` in the folder. Its URL has no slash at its end."""
    address = f"127.0.0.1:{port or free_port()}"
    with program(folder, "examples.web", *arguments, WEB_ADDR=address) as running:
        running.find(f"^The page is at http://{re.escape(address)}/$")
        yield f"http://{address}"
