"""The cost of writing a letter in every language: by mould, as a process does it, and by the library alone."""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.public_auth.mail.design import our_design
from services.public_auth.mail.letters import Stationery, write_letter
from services.public_auth.mail.moulds import LetterWriter
from services.public_auth.mail.transport import Letter
from shared.kernel.language import LANGUAGES
from shared.kernel.mail_sender import MailSender

_STATIONERY = Stationery(MailSender("Example", "login@example.com"), "Example", "auth.example.com", our_design())
_BY_MOULD, _BY_LIBRARY = 5000, 200


def measure_letters() -> None:
    """Prints milliseconds: medians, and the first letter of each language, which makes the mould."""
    print(f"\na letter in ms: by mould (p50 of {_BY_MOULD}), its first, by the library (p50 of {_BY_LIBRARY})")
    for locale in LANGUAGES:
        writer = LetterWriter(_STATIONERY)
        by_mould = [_ms(writer.write, _letter(number, locale)) for number in range(_BY_MOULD)]
        by_library = [
            _ms(lambda letter: write_letter(letter, _STATIONERY), _letter(number, locale))
            for number in range(_BY_LIBRARY)
        ]
        middle = statistics.median(by_mould), statistics.median(by_library)
        print(f"  {locale:8} {middle[0]:7.4f} {by_mould[0]:7.1f} {middle[1]:7.2f}")


def _letter(number: int, locale: str) -> Letter:
    return Letter(
        delivery_id=UUID(int=2**120 + number),
        email=f"person-{number}@example.org",
        code=f"{number * 37 % 1_000_000:06d}",
        locale=locale,
        idempotency_key="",
        queued_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(seconds=number),
        valid_for=timedelta(minutes=10),
    )


def _ms(write: Callable[[Letter], bytes], letter: Letter) -> float:
    began = time.perf_counter()
    write(letter)
    return (time.perf_counter() - began) * 1000
