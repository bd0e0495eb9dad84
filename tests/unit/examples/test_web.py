"""The server of the example page: its files, its policy, and its operator's mistakes in one sentence."""

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from authsession.embedded.child import StartFailure, free_port
from authsession.installation import Installation, Running
from authsession.service import SOURCE
from authsession.stack import EXAMPLE_ORIGINS
from examples.web.__main__ import ADDRESS, find_backends, hint_about
from examples.web.site import Backends, Site, policy
from tests.support.programs import program
from tests.support.stack import clean_environment
from tests.support.web_page import running_page

PORT = free_port()
ORIGINS = f"http://localhost:{PORT},http://127.0.0.1:{PORT}"
GATEWAY = "http://127.0.0.1:8082"
API = "http://127.0.0.1:9080"
BACKENDS = Backends(API, None, GATEWAY, mailbox="http://127.0.0.1:9")


@contextmanager
def running_stack_file(folder: Path) -> Generator[None]:
    """The folder of a `make run`, as it describes itself: without a mail service, so with the development mailbox."""
    installation = Installation(folder)
    stub = {
        "AUTHSESSION_CORS_ORIGINS": ORIGINS,
        "AUTHSESSION_PUBLIC_HOST": "localhost",
    }
    with installation.locked():
        installation.tell(
            Running(
                public_url=API,
                internal_url="http://127.0.0.1:9",
                owner_dsn="",
                public_environment=stub,
                internal_environment=stub,
            )
        )
        yield


def start(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A start that fails."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "examples.web"],
        cwd=folder,
        env=clean_environment() | {"PYTHONPATH": str(SOURCE)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_file_that_the_page_names_is_served() -> None:
    site = Site(BACKENDS)
    index = site.answer("/", is_own=True)
    assert index.content_type.startswith("text/html")
    for name in ("page.js", "page.css", "icon.svg"):
        assert name.encode() in index.body
        assert site.answer(f"/{name}", is_own=True).status == 200


@pytest.mark.parametrize(
    "path", ["/site.py", "/../site.py", "/%2e%2e/site.py", "/page", "/authsession/", "//etc/passwd"]
)
def test_no_other_file_is_served(path: str) -> None:
    assert Site(BACKENDS).answer(path, is_own=True).status == 404


def test_the_policy_allows_the_own_files_and_the_two_back_ends_alone() -> None:
    directives = dict(each.split(" ", 1) for each in policy(BACKENDS).split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["connect-src"] == f"'self' {API} {GATEWAY}"
    assert "unsafe" not in policy(BACKENDS)


def test_a_foreign_page_reads_no_code(tmp_path: Path) -> None:
    foreign = ({"sec-fetch-site": "same-site"}, {"sec-fetch-site": "cross-site"}, {"host": "rebound.example.com:8084"})
    with running_stack_file(tmp_path), running_page(tmp_path) as url:

        def status(headers: dict[str, str]) -> int:
            return httpx.get(f"{url}/mailbox", params={"email": "a@example.com"}, headers=headers).status_code

        assert status({}) == status({"sec-fetch-site": "same-origin"}) == 200
        assert {status(each) for each in foreign} == {404}


def test_the_back_ends_are_those_of_the_running_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StartFailure, match="`make run`"):
        find_backends(None, GATEWAY)
    assert find_backends("https://auth.example.com/", GATEWAY) == Backends(
        "https://auth.example.com", None, GATEWAY, None
    )
    with running_stack_file(tmp_path):
        assert find_backends(None, GATEWAY) == Backends(API, "localhost", GATEWAY, "http://127.0.0.1:9")


def test_a_page_that_the_stack_does_not_allow_names_the_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"http://{ADDRESS}" in EXAMPLE_ORIGINS
    monkeypatch.chdir(tmp_path)
    with running_stack_file(tmp_path):
        assert hint_about(f"http://127.0.0.1:{PORT}") is None
        hint = hint_about("http://127.0.0.1:9000") or ""
        assert "AUTHSESSION_CORS_ORIGINS=http://127.0.0.1:9000," in hint
        assert "GATEWAY_CORS_ORIGINS=http://127.0.0.1:9000," in hint


def test_without_a_stack_the_program_says_in_one_line_what_to_start(tmp_path: Path) -> None:
    done = start(tmp_path)
    assert done.returncode == 1
    assert done.stderr == "no `make run` runs in this folder: start it first, or give a public API as --public URL\n"


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with running_stack_file(tmp_path), running_page(tmp_path) as url:
        address = url.removeprefix("http://")
        done = start(tmp_path, WEB_ADDR=address)
    assert done.returncode == 1
    assert done.stderr == f"the page cannot listen on {address}: set WEB_ADDR to a free address\n"


def test_ctrl_c_is_quiet(tmp_path: Path) -> None:
    with running_stack_file(tmp_path), program(tmp_path, "examples.web", WEB_ADDR=f"127.0.0.1:{PORT}") as page:
        page.find("^The page is at ")
        assert page.child.stop(signal.SIGINT, timeout=10) == 0
    assert len(page.lines) == 1
