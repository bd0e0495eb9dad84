"""Fetches the documents of a manifest, a few at a time."""

from collections.abc import Mapping, Sequence

import anyio

from clients.node.link import Ask, Link
from clients.node.trust import check_document
from contracts.node.manifest import Document
from contracts.node.names import DOCUMENTS_PATH

AT_ONCE = 4


async def fetch_contents(
    link: Link, documents: Sequence[Document], here: Mapping[str, bytes], timeout: float
) -> dict[str, bytes]:
    """The bytes of all documents by digest. `here` are bytes known already. Raises what `Link.ask` raises, and
    `NotTrusted` for a wrong document.
    """
    found = {each.digest: here[each.digest] for each in documents if each.digest in here}
    missing = list({each.digest: each for each in documents if each.digest not in here}.values())
    problems: list[Exception] = []
    async with anyio.create_task_group() as tasks:

        async def work() -> None:
            while missing:
                document = missing.pop()
                try:
                    found[document.digest] = await _fetch(link, document, timeout)
                except Exception as problem:  # noqa: BLE001 - raised below, alone and not in a group
                    problems.append(problem)
                    tasks.cancel_scope.cancel()

        for _ in range(min(AT_ONCE, len(missing))):
            tasks.start_soon(work)
    if problems:
        raise problems[0]
    return found


async def _fetch(link: Link, document: Document, timeout: float) -> bytes:
    target = f"{DOCUMENTS_PATH}/{document.digest}"
    reply = await link.ask(Ask("GET", target, most_bytes=document.size, timeout=timeout))
    check_document(document, reply.body)
    return reply.body
