"""The memory of manifests and documents: one load for all that ask, and no load waits for that of another key."""

import trio
import trio.testing

from services.internal_admin.node_config.published import Kept


class Store:
    """Loads end when the test says so."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.may_end = trio.Event()

    async def load(self, key: str) -> bytes | None:
        self.loads.append(key)
        await self.may_end.wait()
        return None if key == "unknown" else key.encode()


async def test_a_load_does_not_wait_for_that_of_another_key() -> None:
    store, found = Store(), dict[str, bytes | None]()
    kept = Kept[str, bytes](100, len, store.load)

    async def get(key: str) -> None:
        found[key] = await kept.get(key)

    async with trio.open_nursery() as nursery:
        for key in ("unknown", "known", "known"):
            nursery.start_soon(get, key)
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(store.loads) == ["known", "unknown"]
        store.may_end.set()
    assert found == {"unknown": None, "known": b"known"}
    assert await kept.get("known") == b"known"
    assert len(store.loads) == 2


async def test_a_caller_that_leaves_does_not_begin_a_second_load() -> None:
    store = Store()
    kept = Kept[str, bytes](100, len, store.load)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(kept.get, "known")
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0):
            await kept.get("known")
        nursery.start_soon(kept.get, "known")
        await trio.testing.wait_all_tasks_blocked()
        assert store.loads == ["known"]
        store.may_end.set()
    assert store.loads == ["known"]
