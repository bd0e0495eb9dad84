"""Attacks of strangers, with all limits at their defaults (probes a to f). Each returns its result in words.

Strangers have any number of network addresses: each of their requests comes from a new one.
"""

from collections import Counter

from bench.clients import Answer
from bench.peers.evidence import Evidence
from bench.peers.scene import Scene
from bench.peers.system import Login

OWNER = "203.0.113.7"
STRANGERS = 5
GUESSES_OF_A_STRANGER = 5
BURSTS = 10
WRONG_IN_BURST = 40
RESENDS = 30
PARALLEL = 100
MAILBOX_SENDS = 12
MOST_SENDS = 200
"""From one address, until it is throttled."""


async def burn(scene: Scene, evidence: Evidence) -> str:
    """(a) Strangers who know only the address guess; then the owner enters the code that was mailed before."""
    login = Login(await scene.user(), is_new_user=False)
    code = await scene.mailed_code(login, OWNER)
    for _ in range(STRANGERS):
        stranger = Login(login.email, is_new_user=False)
        if evidence.codes_have_owners:
            await scene.send(stranger)  # so that there is something to guess with
        for _ in range(GUESSES_OF_A_STRANGER):
            await scene.guess(stranger, scene.wrong_code(login.email))
    answer = await scene.guess(login, code, OWNER)
    return "it still works" if scene.system.is_confirmed(answer) else f"it is gone: {told(answer)}"


async def right_code_in_burst(scene: Scene, _: Evidence) -> str:
    """(b) The right code in the middle of wrong ones, all at once: in how many bursts it logged in."""
    logged_in = 0
    for _burst in range(BURSTS):
        login = Login(await scene.user(), is_new_user=False)
        code = await scene.mailed_code(login)
        codes = [scene.wrong_code(login.email)] * WRONG_IN_BURST
        codes.insert(WRONG_IN_BURST // 2, code)
        answers = await scene.guess_at_once(login, codes)
        logged_in += any(map(scene.system.is_confirmed, answers))
    return f"{logged_in} of {BURSTS}"


async def guesses_over_resends(scene: Scene, evidence: Evidence) -> str:
    """(c) Ask for a code again and again, guess wrong each time: how many guesses were compared."""
    email = await scene.user()
    taken = compared = 0
    for _ in range(RESENDS):
        login = Login(email, is_new_user=False)
        if scene.system.is_sent(await scene.send(login)):
            taken += 1
            answers = [await scene.guess(login, scene.wrong_code(email)) for _ in range(GUESSES_OF_A_STRANGER)]
            compared += await evidence.compared(scene.running.dsn, login, answers)
    return f"{compared} ({taken} of {RESENDS} resends taken)"


async def parallel_guesses(scene: Scene, evidence: Evidence) -> str:
    """(d) Wrong guesses at one code, all at once: how many were compared with it."""
    login = Login(await scene.user(), is_new_user=False)
    await scene.mailed_code(login)
    answers = await scene.guess_at_once(login, [scene.wrong_code(login.email)] * PARALLEL)
    return f"{await evidence.compared(scene.running.dsn, login, answers)} of {PARALLEL}"


async def mails_to_one_mailbox(scene: Scene, _: Evidence) -> str:
    """(e) Sends to one mailbox, each from an address of its own: how many mails went out, and what was answered."""
    email = await scene.user()
    answers = [await scene.send(Login(email, is_new_user=False)) for _ in range(MAILBOX_SENDS)]
    mails = await scene.wait_for_mails(email, MAILBOX_SENDS)
    statuses = Counter(answer.status for answer in answers)
    return f"{mails}; answers " + ", ".join(f"{number} × {status}" for status, number in sorted(statuses.items()))


async def throttled_caller(scene: Scene, _: Evidence) -> str:
    """(f) One address sends to ever new mailboxes: what it is told in the end."""
    address = scene.fresh_address()
    for number in range(MOST_SENDS):
        answer = await scene.send(Login(f"stranger-{number}@example.com", is_new_user=False), address)
        if not scene.system.is_sent(answer):
            return f"after {number}: {told(answer)}"
    return f"nothing within {MOST_SENDS} sends"


def told(answer: Answer) -> str:
    """Status, the body's words, and when to come again."""
    fields = ((name, answer.value(name)) for name in ("Retry-After", "X-Retry-After"))
    retry = "".join(f", `{name}: {value}`" for name, value in fields if value is not None)
    words = answer.body.decode()
    return f"{answer.status} `{words if len(words) <= 120 else words[:120] + '…'}`{retry}"
