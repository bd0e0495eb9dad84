"""A URL that leads inside is refused when it is written and when it is verified, and a listener there hears nothing."""

from collections.abc import Iterator

import pytest

from services.internal_admin.callers.identity import Scope
from tests.integration.internal_admin.connections.conftest import Operator
from tests.support.api_tokens import make_token
from tests.support.control_plane import open_control_plane
from tests.support.far_ends import FarEnd
from tests.support.world import World

URLS = (
    "https://127.1:{port}/", "https://0x7f000001:{port}/", "https://2130706433:{port}/", "http://127.0.0.1:{port}/",
    "https://[::ffff:10.0.0.1]/", "https://[::ffff:127.0.0.1]:{port}/", "https://[64:ff9b::7f00:1]:{port}/",
    "https://[2002:7f00:1::]:{port}/", "https://[example.com]/", "https://u@h:{port}/", "http://u@127.0.0.1:{port}/",
    "https://①②⑦.⓪.⓪.①:{port}/", "http://localhost:{port}/", "https://169.254.169.254/", "https://10.0.0.1/",
    "http://127.0.0.1:{port}\\@models.example/", "https://ex%61mple.com:{port}/",
)  # fmt: skip


@pytest.fixture(scope="module")
def careful(world: World) -> Iterator[Operator]:
    """An operator of an installation whose allow list is empty."""
    with open_control_plane(world, requires_token=True, calls_loopback=False) as plane:
        yield Operator(plane, make_token(world, [Scope.CONNECTIONS_READ, Scope.CONNECTIONS_WRITE]).secret)


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_leads_inside_is_never_called(careful: Operator, name: str, url: str, end: FarEnd) -> None:
    """The revision is refused, and a verification on demand refuses it again."""
    refused = careful.put(name, url.format(port=end.port)).json()
    assert refused["outcome"] == "refused"
    again = careful.call("POST", f"connections/{name}/verify").json()
    for answer in (refused, again):
        assert answer["verification"]["result"] in ("blocked_address", "protocol_error")
    assert end.connections == 0


@pytest.mark.parametrize(
    "url", ["https://user:word@models.example/", "https://models.example\\@evil.example/", "https://ex%61mple.com/"]
)
def test_a_url_that_readers_read_differently_is_not_even_accepted_unverified(
    careful: Operator, name: str, url: str
) -> None:
    """Nodes get the URLs of accepted connections, and no password of a URL is shown to all who may read."""
    answer = careful.put(name, url, accept_unverified=True).json()
    assert (answer["outcome"], answer["verification"]["result"]) == ("refused", "protocol_error")
    assert "accepted" not in careful.shown(name)
    assert (
        careful.put(name, "https://nowhere.invalid/", expected=1, accept_unverified=True).json()["outcome"]
        == "accepted"
    )


def test_a_mail_server_inside_is_never_called(careful: Operator, name: str, end: FarEnd) -> None:
    settings = {"address": f"127.0.0.1:{end.port}", "from": "login@example.com"}
    body = {"kind": "smtp", "settings": settings, "expected_revision": 0}
    answer = careful.call("PUT", f"connections/{name}", body).json()
    assert answer["verification"]["result"] == "blocked_address"
    assert end.connections == 0
