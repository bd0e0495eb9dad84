"""`authsession gateway-configs …`: gateway configurations from a terminal, as the schema's owner (SPEC §16.4)."""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import asyncpg

from authsession.attribution import COMMAND_LINE, person
from authsession.config import signing_keys
from authsession.database import connect, owner_dsn
from authsession.event_loop import run_async
from authsession.spelling import typed
from authsession.tables import add_json, instant, print_json, print_table
from contracts.control_plane import publication as wire
from contracts.encoding import encode
from contracts.errors import ErrorCode, Refusal
from contracts.node.names import is_name
from services.internal_admin.gateway_configs.kind import GATEWAY_CONFIG
from services.internal_admin.publication.domain import subject as domain
from services.internal_admin.publication.domain.diff import differences
from services.internal_admin.publication.domain.subject import Subject
from services.internal_admin.publication.refusals import refusal
from services.internal_admin.publication.store import activation, subjects
from services.internal_admin.publication.wire import subject_answer, version_answer
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy

_PAGE = 1000
_KIND = GATEWAY_CONFIG
_HEADS = ("NAME", "STATE", "ACTIVE", "LAST", "REVISION", "POOLS", "ID")


class _Refused(Exception):
    """The command cannot be done. The message is one sentence for a person."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `gateway-configs`."""
    actions = parser.add_subparsers(dest="action", required=True)
    add_json(actions.add_parser("list", help="print all gateway configurations, newest first"))
    add_json(_named(actions.add_parser("show", help="print one with its draft")))
    creation = _named(actions.add_parser("create", help="create one with a draft; nothing is published"))
    _draft(creation, "the fields of the draft")
    edit = _named(actions.add_parser("edit", help="merge fields into the draft; null removes a field"))
    _draft(edit, "the fields to merge")
    _revision(edit)
    add_json(
        _named(
            actions.add_parser("check", help="print the errors and warnings of the draft; exit 1 if there are errors")
        )
    )
    publishing = _named(actions.add_parser("publish", help="make a version of the draft; no node gets it yet"))
    _revision(publishing)
    _note(publishing)
    activating = _named(actions.add_parser("activate", help="give a version, new or older, to the nodes of its pools"))
    activating.add_argument("version", type=_number)
    activating.add_argument(
        "--expect", type=_expected, required=True, metavar="VERSION", help="the version that is active now, or none"
    )
    activating.add_argument("--percent", type=_percent, help="give it to this percentage of the nodes at first")
    activating.add_argument("--halt", action="store_true", help="stop the stage at the first node that rejects it")
    _note(activating)
    _note(_named(actions.add_parser("pause", help="take the active version from the nodes")))
    reverting = _named(actions.add_parser("revert", help="copy a version into the draft; nothing is published"))
    reverting.add_argument("version", type=_number)
    _revision(reverting)
    add_json(_named(actions.add_parser("versions", help="print the versions, newest first")))
    comparing = _named(actions.add_parser("diff", help="print the differences"))
    comparing.add_argument("before", type=_source, metavar="FROM", help="active, draft or the number of a version")
    comparing.add_argument("after", type=_source, metavar="TO", help="active, draft or the number of a version")
    add_json(comparing)


def run(parsed: argparse.Namespace, given: Mapping[str, str], folder: Path) -> int:
    """The exit status: 1 if the command is refused, else 0."""
    return run_async(_run(parsed, given, folder))


async def _run(parsed: argparse.Namespace, given: Mapping[str, str], folder: Path) -> int:
    try:
        async with connect(owner_dsn(given, folder)) as connection:
            if parsed.action in ("activate", "pause"):
                parsed.keys = signing_keys(given, folder)
            return await _ACTIONS[parsed.action](connection, parsed)
    except (_Refused, Refusal) as refused:
        message = _with_cure(refused, parsed) if isinstance(refused, Refusal) else str(refused)
        print(f"authsession: {message}", file=sys.stderr)
        return 1


def _with_cure(refused: Refusal, parsed: argparse.Namespace) -> str:
    """The message, and the command that shows what to do about it."""
    of_this = f"gateway-configs {{}} {parsed.name}"
    cures = {
        ErrorCode.NAME_TAKEN: f"`{typed('gateway-configs list')}` prints the names in use",
        ErrorCode.REVISION_CONFLICT: f"read it with `{typed(of_this.format('show'))}`, and name that revision",
        ErrorCode.VERSION_NOT_FOUND: f"`{typed(of_this.format('versions'))}` prints the versions",
        ErrorCode.ACTIVATION_CONFLICT: f"`{typed(of_this.format('versions'))}` prints the versions; "
        "--expect names the active one, or none",
        ErrorCode.STAGE_UNFINISHED: "activate without --percent and --halt",
        ErrorCode.CHECKS_FAILED: f"change the draft with `{typed(of_this.format('edit'))}`",
    }
    cure = cures.get(refused.code)
    return refused.message if cure is None else f"{refused.message}: {cure}"


async def _list(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    found: list[Subject] = []
    after: str | None = None
    while True:
        page = await subjects.list_subjects(connection, _KIND, after, _PAGE)
        found += page.items
        if not page.has_more:
            break
        after = page.items[-1].subject_id
    if parsed.json:
        print_json(wire.encode_subjects(_KIND.name, [subject_answer(each) for each in found], None))
        return 0
    print_table(_HEADS, [_row(each) for each in found])
    return 0


async def _show(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed.name)
    if parsed.json:
        print_json(wire.encode_subject(_KIND.name, subject_answer(subject), subject.draft))
        return 0
    print_table(_HEADS, [_row(subject)])
    print_json(encode(dict(subject.draft)))
    return 0


async def _create(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    body: dict[str, object] = {"name": parsed.name, "pools": parsed.pool, "draft": _fields(parsed.file)}
    asked = wire.decode_create(json.dumps(body).encode())
    subject_id = _KIND.new_id(SystemClock(), SystemEntropy())
    command = domain.CreateSubject(subject_id, asked.name, asked.pools, asked.draft, COMMAND_LINE, person())
    outcome = await subjects.create_subject(connection, _KIND, command)
    if not isinstance(outcome, domain.Created):
        raise refusal(_KIND, outcome)
    print(f"{parsed.name} is created at revision 1 as {subject_id}")
    return 0


async def _edit(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    body: dict[str, object] = {"expected_revision": parsed.revision, "draft": _fields(parsed.file)}
    asked = wire.decode_change(json.dumps(body if parsed.pool is None else {**body, "pools": parsed.pool}).encode())
    subject = await _subject(connection, parsed.name)
    command = domain.ChangeSubject(
        subject.subject_id, parsed.revision, asked.pools, asked.draft, COMMAND_LINE, person()
    )
    return _changed(parsed.name, await subjects.change_subject(connection, _KIND, command))


async def _check(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed.name)
    checks = await subjects.check_subject(connection, _KIND, subject.subject_id) or ()
    if parsed.json:
        print_json(wire.encode_checks(checks))
    else:
        _print_checks(checks)
        if not checks:
            print(f"{parsed.name}: no errors and no warnings")
    return 1 if any(check.level == "error" for check in checks) else 0


async def _publish(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed.name)
    command = domain.PublishSubject(subject.subject_id, parsed.revision, parsed.note, COMMAND_LINE, person())
    outcome = await subjects.publish_subject(connection, _KIND, command)
    if not isinstance(outcome, domain.Published):
        raise refusal(_KIND, outcome)
    _print_checks(outcome.warnings)
    print(f"{parsed.name}: version {outcome.version} is {outcome.name}")
    return 0


async def _activate(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed.name)
    is_staged = parsed.halt or parsed.percent not in (None, 100)
    command = domain.ActivateVersion(
        subject.subject_id,
        parsed.version,
        parsed.expect or None,
        domain.Stage(parsed.percent or 100, parsed.halt) if is_staged else None,
        parsed.note,
        COMMAND_LINE,
        person(),
    )
    outcome = await activation.activate_version(connection, _KIND, parsed.keys, command)
    if not isinstance(outcome, domain.Activated):
        raise refusal(_KIND, outcome)
    told = "was already active" if outcome.name == "already_active" else f"is {outcome.name}"
    return _positions(f"{parsed.name}: version {outcome.version} {told}", outcome.pools)


async def _pause(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed.name)
    command = domain.PauseSubject(subject.subject_id, parsed.note, COMMAND_LINE, person())
    outcome = await activation.pause_subject(connection, _KIND, parsed.keys, command)
    if not isinstance(outcome, domain.Paused):
        raise refusal(_KIND, outcome)
    told = "was already paused" if outcome.name == "already_paused" else f"is {outcome.name}"
    return _positions(f"{parsed.name} {told}", outcome.pools)


async def _revert(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed.name)
    command = domain.RevertDraft(subject.subject_id, parsed.version, parsed.revision, COMMAND_LINE, person())
    return _changed(parsed.name, await subjects.revert_draft(connection, _KIND, command))


async def _versions(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed.name)
    page = await subjects.list_versions(connection, _KIND, subject.subject_id, None, _PAGE)
    found = page.items if page else ()
    if parsed.json:
        print_json(wire.encode_versions([version_answer(each) for each in found], None))
        return 0
    rows = [
        (
            f"{each.version}{' (active)' if each.version == subject.active_version else ''}",
            str(each.revision),
            instant(each.created_at),
            each.created_by,
            each.digest.hex()[:12],
        )
        for each in found
    ]
    print_table(("VERSION", "REVISION", "CREATED", "BY", "DIGEST"), rows, [each.note for each in found])
    return 0


async def _diff(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed.name)
    sides = await subjects.read_sides(connection, _KIND, subject.subject_id, parsed.before, parsed.after)
    if not isinstance(sides, tuple):
        raise refusal(_KIND, sides)
    before, after = sides
    found = list(differences(before, after))
    if parsed.json:
        print_json(wire.encode_diff(found))
        return 0
    for each in found:
        print(f"{each.path}: {_side(each.before)} → {_side(each.after)}")
    if not found:
        print("no differences")
    return 0


async def _subject(connection: asyncpg.Connection, name: str) -> Subject:
    """The subject of a name, or of an id. Raises `_Refused` if there is none."""
    found = await subjects.find_subject(connection, _KIND, name) or await subjects.read_subject(connection, _KIND, name)
    if found is None:
        raise _Refused(f"there is no gateway configuration {name}; `{typed('gateway-configs list')}` prints them")
    return found


def _changed(name: str, outcome: domain.RevertOutcome) -> int:
    if not isinstance(outcome, domain.Changed | domain.Unchanged):
        raise refusal(_KIND, outcome)
    print(f"{name}: the draft is {outcome.name}, at revision {outcome.subject.revision}")
    return 0


def _fields(file: str | None) -> object:
    """The JSON in a file, or in standard input for `-`. The decoder of the API checks its form."""
    if file is None:
        return {}
    try:
        return json.loads(sys.stdin.read() if file == "-" else Path(file).read_text("utf-8"))
    except OSError as fault:
        raise _Refused(f"{file} cannot be read: {fault.strerror}") from None
    except (ValueError, RecursionError):
        raise _Refused(f"{file} is not valid JSON") from None


def _row(subject: Subject) -> tuple[str | None, ...]:
    active = None if subject.active_version is None else str(subject.active_version)
    return (
        subject.name, subject.state, active, str(subject.last_version), str(subject.revision),
        ",".join(subject.pools), subject.subject_id,
    )  # fmt: skip


def _positions(sentence: str, pools: Sequence[wire.PoolPosition]) -> int:
    print(sentence)
    for each in pools:
        print(f"  pool {each.pool}: epoch {each.epoch}, sequence {each.sequence}")
    return 0


def _print_checks(checks: Sequence[wire.Check]) -> None:
    for check in checks:
        print(f"{check.level}: {check.field + ': ' if check.field else ''}{check.message}")


def _side(value: object) -> str:
    return "(absent)" if value is wire.ABSENT else json.dumps(value, ensure_ascii=False)


def _named(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("name", metavar="NAME", help="its name, or its id")
    return parser


def _draft(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--file", metavar="FILE", help=f"JSON with {text}; - is standard input")
    parser.add_argument("--pool", type=_pool, action="append", metavar="POOL", help="a pool; give it once for each")


def _revision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--revision", type=_number, required=True, help="the revision that you read; `show` prints it")


def _note(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--note", type=_note_text, help="why, for the history")


def _number(text: str) -> int:
    number = wire.version_number(text)
    if number is None:
        raise argparse.ArgumentTypeError("must be a whole number from 1 on")
    return number


def _percent(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:4]) <= 100):
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 100")
    return int(text)


def _expected(text: str) -> int:
    """The version; 0 for `none`, because argparse takes None for a missing option."""
    return 0 if text == "none" else _number(text)


def _source(text: str) -> wire.Source:
    if text in ("active", "draft"):
        return text
    number = wire.version_number(text)
    if number is None:
        raise argparse.ArgumentTypeError("must be active, draft or the number of a version")
    return number


def _pool(text: str) -> str:
    if not is_name(text):
        raise argparse.ArgumentTypeError("must be 1 to 63 of a-z, 0-9 and -, without - at its ends")
    return text


def _note_text(text: str) -> str | None:
    if len(text.strip()) > wire.MAX_NOTE_LENGTH or not text.isprintable():
        raise argparse.ArgumentTypeError(f"must be at most {wire.MAX_NOTE_LENGTH} printable characters")
    return text.strip() or None


_ACTIONS: Mapping[str, Callable[[asyncpg.Connection, argparse.Namespace], Awaitable[int]]] = {
    "list": _list,
    "show": _show,
    "create": _create,
    "edit": _edit,
    "check": _check,
    "publish": _publish,
    "activate": _activate,
    "pause": _pause,
    "revert": _revert,
    "versions": _versions,
    "diff": _diff,
}
