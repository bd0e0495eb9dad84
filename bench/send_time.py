"""Whether the time of a send tells what the e-mail is (SPEC §3.4): the AUC of paired samples, which is 0.5 if it does not."""

import time

from bench.clients import HttpClient

PAIRS = 2000


def auc(left: list[float], right: list[float]) -> float:
    """The chance that a sample of `left` is above one of `right` (Mann-Whitney), ties counted half."""
    ranked = sorted([(value, 0) for value in left] + [(value, 1) for value in right])
    rank_sum, index = 0.0, 0
    while index < len(ranked):
        end = index
        while end < len(ranked) and ranked[end][0] == ranked[index][0]:
            end += 1
        mean_rank = (index + end + 1) / 2
        rank_sum += mean_rank * sum(1 for _, side in ranked[index:end] if side == 0)
        index = end
    return (rank_sum - len(left) * (len(left) + 1) / 2) / (len(left) * len(right))


async def time_pairs(client: HttpClient, left: list[str], right: list[str]) -> tuple[list[float], list[float]]:
    """Seconds of a send to each address, one of `left` and one of `right` in turn, the first of a pair alternating."""
    times: tuple[list[float], list[float]] = ([], [])
    for number, pair in enumerate(zip(left, right, strict=True)):
        order = (0, 1) if number % 2 else (1, 0)
        for side in order:
            started = time.perf_counter()
            status, answer = await client.post("/api/v1/public/auth/send-email-code", {"email": pair[side]})
            times[side].append(time.perf_counter() - started)
            if status != 200:
                raise RuntimeError(f"send: {status} {answer}")
    return times
