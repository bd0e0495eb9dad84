"""Probes each system under attack, with all limits at their defaults."""

import asyncio
from collections.abc import Awaitable, Callable

from authsession.embedded.postgres import EmbeddedPostgres
from bench.peers import attacks
from bench.peers.evidence import Evidence, OfAuthsession, OfBetterAuth, OfDjangoAllauth
from bench.peers.mail_sink import MailSink
from bench.peers.scene import Scene
from bench.peers.send_timing import send_times
from bench.peers.system import System

Probe = Callable[[Scene, Evidence], Awaitable[str]]
ATTACKS: dict[str, Probe] = {
    f"(a) {attacks.STRANGERS} strangers with only the address guess {attacks.GUESSES_OF_A_STRANGER} times each; "
    "the owner's code then": attacks.burn,
    f"(b) bursts of {attacks.WRONG_IN_BURST} wrong codes and the right one, at once: how many logged in":
        attacks.right_code_in_burst,
    f"(c) wrong guesses compared over {attacks.RESENDS} resends in a row": attacks.guesses_over_resends,
    f"(d) of {attacks.PARALLEL} wrong guesses at once, compared": attacks.parallel_guesses,
    f"(e) {attacks.MAILBOX_SENDS} sends to one mailbox from as many addresses: mails": attacks.mails_to_one_mailbox,
    "(f) one address that sends to ever new mailboxes is told": attacks.throttled_caller,
}  # fmt: skip
EVIDENCE: dict[str, Evidence] = {
    "authsession": OfAuthsession(),
    "authsession, hook": OfAuthsession(),
    "better-auth": OfBetterAuth(),
    "django-allauth": OfDjangoAllauth(),
}


def probe(system: System, server: EmbeddedPostgres, sink: MailSink, pairs: int) -> dict[str, str]:
    """The result in words, by the name of the probe."""
    evidence = EVIDENCE[system.name]
    with system.running(server, sink.port, has_limits=True) as running:
        results = asyncio.run(_attack(Scene(system, running), sink, evidence))
    with system.running(server, sink.port, has_limits=False) as running:
        times = asyncio.run(_timed(Scene(system, running), sink, evidence, pairs))
    names = {f"(g) time of a send, {kind} against unknown: AUC (medians)": result for kind, result in times.items()}
    return results | names


async def _attack(scene: Scene, sink: MailSink, evidence: Evidence) -> dict[str, str]:
    async with sink.telling(scene.take_mail):
        return {name: await attack(scene, evidence) for name, attack in ATTACKS.items()}


async def _timed(scene: Scene, sink: MailSink, evidence: Evidence, pairs: int) -> dict[str, str]:
    async with sink.telling(scene.take_mail):
        return await send_times(scene, evidence, pairs)
