"""`authsession gateway-configs` and `authsession agents`, as the schema's owner (SPEC §16.4, §19.1)."""

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
from authsession.publication_arguments import AGENTS, Published
from authsession.spelling import typed
from authsession.tables import instant, print_json, print_table
from contracts.control_plane.agents import CompiledPrompt, encode_compiled_prompt
from contracts.control_plane.publication import answers, requests
from contracts.encoding import encode
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.agents.kind import agents_of
from services.internal_admin.agents.store import read_prompt
from services.internal_admin.publication.domain import subject as domain
from services.internal_admin.publication.domain.diff import differences
from services.internal_admin.publication.domain.subject import Subject
from services.internal_admin.publication.refusals import refusal
from services.internal_admin.publication.store import activation, subjects
from services.internal_admin.publication.store.kind import Kind
from services.internal_admin.publication.wire import subject_answer, version_answer
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.projection.store import release_changes

_PAGE = 1000
_HEADS = ("NAME", "STATE", "ACTIVE", "LAST", "REVISION", "POOLS", "ID")


class _Refused(Exception):
    """The command cannot be done. The message is one sentence for a person."""


def run(parsed: argparse.Namespace, given: Mapping[str, str], folder: Path) -> int:
    """The exit status: 1 if the command is refused, else 0."""
    return run_async(_run(parsed, given, folder))


async def _run(parsed: argparse.Namespace, given: Mapping[str, str], folder: Path) -> int:
    try:
        async with connect(owner_dsn(given, folder)) as connection:
            archives_agent = parsed.action == "archive" and parsed.published is AGENTS
            if archives_agent or parsed.action in ("activate", "pause"):
                parsed.keys = signing_keys(given, folder)
            return await _ACTIONS[parsed.action](connection, parsed)
    except (_Refused, Refusal) as refused:
        message = _with_cure(refused, parsed) if isinstance(refused, Refusal) else str(refused)
        print(f"authsession: {message}", file=sys.stderr)
        return 1


def _with_cure(refused: Refusal, parsed: argparse.Namespace) -> str:
    """The message, and the command that shows what to do about it."""
    command = parsed.published.command
    of_this = f"{command} {{}} {parsed.name}"
    cures = {
        ErrorCode.NAME_TAKEN: f"`{typed(f'{command} list')}` prints the names in use",
        ErrorCode.REVISION_CONFLICT: f"read it with `{typed(of_this.format('show'))}`, and name that revision",
        ErrorCode.VERSION_NOT_FOUND: f"`{typed(of_this.format('versions'))}` prints the versions",
        ErrorCode.ACTIVATION_CONFLICT: f"`{typed(of_this.format('versions'))}` prints the versions; "
        "--expect names the active one, or none",
        ErrorCode.STAGE_UNFINISHED: "activate without --percent and --halt",
        ErrorCode.CHECKS_FAILED: f"change the draft with `{typed(of_this.format('edit'))}`, or make what is missing "
        f"(`{typed('join-token create --pool POOL')}` makes a pool); `{typed(of_this.format('check'))}` lists them",
        ErrorCode.NOT_ACTIVE: f"`{typed(of_this.format('show'))}` prints its state",
    }
    if parsed.action == "archive":
        cures[ErrorCode.ACTIVATION_CONFLICT] = f"`{typed(of_this.format('pause'))}`"
    cure = cures.get(refused.code)
    return refused.message if cure is None else f"{refused.message}: {cure}"


async def _list(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    found: list[Subject] = []
    after: str | None = None
    while True:
        page = await subjects.list_subjects(connection, _kind(parsed), after, _PAGE)
        found += page.items
        if not page.has_more:
            break
        after = page.items[-1].subject_id
    if parsed.json:
        print_json(answers.encode_subjects(_kind(parsed).name, [subject_answer(each) for each in found], None))
        return 0
    print_table(_HEADS, [_row(each) for each in found])
    return 0


async def _show(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed)
    if parsed.json:
        print_json(answers.encode_subject(_kind(parsed).name, subject_answer(subject), subject.draft))
        return 0
    print_table(_HEADS, [_row(subject)])
    print_json(encode(dict(subject.draft)))
    return 0


async def _create(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    body: dict[str, object] = {"name": parsed.name, "pools": parsed.pool, "draft": _fields(parsed.file)}
    asked = requests.decode_create(json.dumps(body).encode())
    subject_id = _kind(parsed).new_id(SystemClock(), SystemEntropy())
    command = domain.CreateSubject(subject_id, asked.name, asked.pools, asked.draft, COMMAND_LINE, person())
    outcome = await subjects.create_subject(connection, _kind(parsed), command)
    if not isinstance(outcome, domain.Created):
        raise refusal(_kind(parsed), outcome)
    print(f"{parsed.name} is created at revision 1 as {subject_id}")
    return 0


async def _edit(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    body: dict[str, object] = {"expected_revision": parsed.revision, "draft": _fields(parsed.file)}
    asked = requests.decode_change(json.dumps(body if parsed.pool is None else {**body, "pools": parsed.pool}).encode())
    subject = await _subject(connection, parsed)
    command = domain.ChangeSubject(
        subject.subject_id, parsed.revision, asked.pools, asked.draft, COMMAND_LINE, person()
    )
    return _changed(parsed, await subjects.change_subject(connection, _kind(parsed), command))


async def _check(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed)
    checks = await subjects.check_subject(connection, _kind(parsed), subject.subject_id) or ()
    if parsed.json:
        print_json(answers.encode_checks(checks))
    else:
        _print_checks(checks)
        if not checks:
            print(f"{parsed.name}: no errors and no warnings")
    return 1 if any(check.level == "error" for check in checks) else 0


async def _publish(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed)
    command = domain.PublishSubject(subject.subject_id, parsed.revision, parsed.note, COMMAND_LINE, person())
    outcome = await subjects.publish_subject(connection, _kind(parsed), command)
    if not isinstance(outcome, domain.Published):
        raise refusal(_kind(parsed), outcome)
    _print_checks(outcome.warnings)
    print(f"{parsed.name}: version {outcome.version} is {outcome.name}")
    return 0


async def _activate(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed)
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
    outcome = await activation.activate_version(connection, _kind(parsed), parsed.keys, command)
    if not isinstance(outcome, domain.Activated):
        raise refusal(_kind(parsed), outcome)
    told = "was already active" if outcome.name == "already_active" else f"is {outcome.name}"
    return _positions(f"{parsed.name}: version {outcome.version} {told}", outcome.pools)


async def _pause(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed)
    command = domain.PauseSubject(subject.subject_id, parsed.note, COMMAND_LINE, person())
    outcome = await activation.pause_subject(connection, _kind(parsed), parsed.keys, command)
    if not isinstance(outcome, domain.Paused):
        raise refusal(_kind(parsed), outcome)
    # The command line publishes nothing itself, so a service shall not wait for it.
    await release_changes(connection, [change.outbox_id for change in outcome.changes])
    told = "was already paused" if outcome.name == "already_paused" else f"is {outcome.name}"
    return _positions(f"{parsed.name} {told}", outcome.pools)


async def _revert(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed)
    command = domain.RevertDraft(subject.subject_id, parsed.version, parsed.revision, COMMAND_LINE, person())
    return _changed(parsed, await subjects.revert_draft(connection, _kind(parsed), command))


async def _versions(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed)
    page = await subjects.list_versions(connection, _kind(parsed), subject.subject_id, None, _PAGE)
    found = page.items if page else ()
    if parsed.json:
        print_json(answers.encode_versions([version_answer(each) for each in found], None))
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
    subject = await _subject(connection, parsed)
    sides = await subjects.read_sides(connection, _kind(parsed), subject.subject_id, parsed.before, parsed.after)
    if not isinstance(sides, tuple):
        raise refusal(_kind(parsed), sides)
    before, after = sides
    found = list(differences(before, after))
    if parsed.json:
        print_json(answers.encode_diff(found))
        return 0
    for each in found:
        print(f"{each.path}: {_side(each.before)} → {_side(each.after)}")
    if not found:
        print("no differences")
    return 0


async def _archive(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed)
    command = domain.ArchiveSubject(subject.subject_id, COMMAND_LINE, person())
    kind = agents_of(parsed.keys) if parsed.published is AGENTS else _kind(parsed)
    outcome = await subjects.archive_subject(connection, kind, command)
    if not isinstance(outcome, domain.Archived | domain.AlreadyArchived):
        raise refusal(_kind(parsed), outcome)
    print(f"{parsed.name} is archived")
    return 0


async def _prompt(connection: asyncpg.Connection, parsed: argparse.Namespace) -> int:
    subject = await _subject(connection, parsed)
    prompt = await read_prompt(connection, _kind(parsed), subject.subject_id, parsed.source)
    if not isinstance(prompt, CompiledPrompt):
        raise refusal(_kind(parsed), prompt)
    if parsed.json:
        print_json(encode_compiled_prompt(prompt))
    else:
        print(prompt.text)
        document = f"document {prompt.digest}" if prompt.digest else "the draft has errors, so it makes no document"
        print(f"about {prompt.estimated_tokens} tokens; {document}", file=sys.stderr)
    return 0


def _kind(parsed: argparse.Namespace) -> Kind:
    return parsed.published.kind


async def _subject(connection: asyncpg.Connection, parsed: argparse.Namespace) -> Subject:
    """The subject of a name, or of an id. Raises `_Refused` if there is none."""
    published: Published = parsed.published
    kind = published.kind
    found = await subjects.find_subject(connection, kind, parsed.name)
    found = found or await subjects.read_subject(connection, kind, parsed.name)
    if found is None:
        raise _Refused(
            f"there is no {published.noun} {parsed.name}; `{typed(f'{published.command} list')}` prints them"
        )
    return found


def _changed(parsed: argparse.Namespace, outcome: domain.RevertOutcome) -> int:
    if not isinstance(outcome, domain.Changed | domain.Unchanged):
        raise refusal(_kind(parsed), outcome)
    print(f"{parsed.name}: the draft is {outcome.name}, at revision {outcome.subject.revision}")
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


def _positions(sentence: str, pools: Sequence[answers.PoolPosition]) -> int:
    print(sentence)
    for each in pools:
        print(f"  pool {each.pool}: epoch {each.epoch}, sequence {each.sequence}")
    return 0


def _print_checks(checks: Sequence[answers.Check]) -> None:
    for check in checks:
        print(f"{check.level}: {check.field + ': ' if check.field else ''}{check.message}")


def _side(value: object) -> str:
    return "(absent)" if value is answers.ABSENT else json.dumps(value, ensure_ascii=False)


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
    "archive": _archive,
    "prompt": _prompt,
}
