"""A probe ends in ten seconds, whatever its far end does."""

from typing import Any, Never, cast

import pytest
import trio
from trio.testing import MockClock

from contracts.connection_kinds import KINDS
from services.internal_admin.connections.probes import PROBE_SECONDS, Prober
from shared.io.egress import Egress


class Hanging:
    """A far end that never answers, on a way out that forgets the time."""

    async def call(self, *_: Any, **__: Any) -> Never:
        await trio.sleep_forever()
        raise AssertionError

    def open_smtp(self, *_: Any, **__: Any) -> "Hanging":
        return self

    async def __aenter__(self) -> Never:
        return await self.call()

    async def __aexit__(self, *_: object) -> None:
        """Never entered."""


SETTINGS: dict[str, str | int] = {
    "base_url": "https://a.example", "endpoint": "https://a.example", "address": "a.example:25", "tls": "starttls",
    "from": "login@example.com", "health_path": "/", "probe_path": "/", "header": "x-key", "expected_status": 200,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_a_far_end_that_hangs_ends_in_ten_seconds(kind: str, autojump_clock: MockClock) -> None:
    started = trio.current_time()
    probed = await Prober(cast(Egress, Hanging())).probe(kind, SETTINGS, {"api_key": "key"})
    assert (probed.result, probed.detail) == ("timeout", "timeout")
    assert trio.current_time() - started == pytest.approx(PROBE_SECONDS)
