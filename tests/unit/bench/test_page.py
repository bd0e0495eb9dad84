"""The bench's page says only things that follow from its measurements."""

from dataclasses import replace

from bench.peers.comparison import Case
from bench.peers.measurement import Measurement, median
from bench.peers.page import charts, probe_table, speed_table
from bench.peers.system import SITES

ONE = Measurement(
    logins=100,
    logins_a_second=100,
    p50=1,
    p95=2,
    p99=3,
    mail_p50=4,
    service_cpu=6,
    postgres_cpu=2,
    generator_cpu=0.1,
    commits=5,
    writing_commits=3,
    memory=200,
)
OURS = Case("authsession", "returning", 8)
THEIRS = Case("better-auth", "returning", 8)


def test_a_ratio_is_our_median_over_theirs() -> None:
    fast = replace(ONE, logins_a_second=300, service_cpu=1, postgres_cpu=1)
    results = {OURS: [fast, replace(fast, logins_a_second=900), fast], THEIRS: [ONE, ONE, ONE]}
    ours, theirs = speed_table(results, "returning").splitlines()[2:]
    assert "| authsession | 300 (300–900) | 1.00 |" in ours
    assert "| better-auth | 100 (100–100) | 3.00 |" in theirs
    assert "| 6.00 + 2.00 | 4.00 |" in theirs


def test_the_median_is_of_each_number_by_itself() -> None:
    of = median([ONE, replace(ONE, p50=9, p99=9), replace(ONE, p50=5, p99=1)])
    assert (of.p50, of.p99) == (5, 3)


def test_a_probe_that_makes_no_sense_for_a_system_is_a_dash() -> None:
    table = probe_table({"authsession": {"(g) blocked": "0.50"}, "better-auth": {}})
    assert table.splitlines()[2] == "| (g) blocked | 0.50 | – |"


def test_bars_are_as_high_as_their_numbers() -> None:
    svg = charts({OURS: [replace(ONE, logins_a_second=200)], THEIRS: [ONE]})["logins-per-second.svg"]
    heights = [
        float(line.split('height="')[1].split('"')[0]) for line in svg.splitlines() if line.startswith("<rect x")
    ]
    bars = [height for height in heights if height != 12]
    assert bars[0] == 2 * bars[1]


def test_the_peers_are_pinned_and_no_lock_names_a_registry() -> None:
    npm = (SITES / "better_auth" / "package-lock.json").read_text()
    assert '"integrity": "sha512-' in npm
    assert '"resolved"' not in npm
    pip = (SITES / "django_allauth" / "requirements.txt").read_text()
    assert "--hash=sha256:" in pip
    assert "index" + "-url" not in pip
    assert "://" not in pip
