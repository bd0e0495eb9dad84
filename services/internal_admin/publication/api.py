"""The verbs of published configuration over HTTP. `routes` declares them for one kind (SPEC §16.4)."""

from dataclasses import dataclass
from functools import partial

from contracts.control_plane.publication.answers import (
    encode_activated,
    encode_activations,
    encode_checks,
    encode_diff,
    encode_outcome,
    encode_published,
    encode_subject,
    encode_subjects,
    encode_version,
    encode_versions,
    entity_tag,
)
from contracts.control_plane.publication.requests import (
    MAX_DRAFT_BYTES,
    PageQuery,
    decode_activate,
    decode_change,
    decode_create,
    decode_diff,
    decode_page,
    decode_pause,
    decode_publish,
    decode_revert,
    expected_revision,
    number_after,
    version_number,
)
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.request import caller_of
from services.internal_admin.callers.route import Route
from services.internal_admin.changes.api import answered, response
from services.internal_admin.changes.domain import Answer, KeyConflict, Outcome
from services.internal_admin.changes.flow import PublishedChange
from services.internal_admin.publication.domain import subject as domain
from services.internal_admin.publication.domain.diff import differences
from services.internal_admin.publication.domain.subject import (
    Activated,
    Changed,
    Created,
    Paused,
    Published,
    Unchanged,
)
from services.internal_admin.publication.domain.wake import Wake
from services.internal_admin.publication.refusals import refusal
from services.internal_admin.publication.store import activation, subjects
from services.internal_admin.publication.store.kind import Kind
from services.internal_admin.publication.wire import activation_answer, subject_answer, version_answer
from shared.io.postgres import Postgres
from shared.kernel.clock import Clock
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.entropy import Entropy
from shared.web.exchange import BodyRule, Request, Response

_DRAFT_BODY = BodyRule(max_bytes=MAX_DRAFT_BYTES)


@dataclass(frozen=True, slots=True)
class SubjectApi:
    """Reads, changes, publishes and activates subjects of one kind. `keys` may be empty; then nothing is activated."""

    kind: Kind
    postgres: Postgres
    change: PublishedChange
    keys: ConfigKeys
    wake: Wake
    clock: Clock
    entropy: Entropy

    async def list(self, request: Request, _: Identity | None) -> Response:
        """Subjects without their drafts, newest first, archived ones too."""
        asked = decode_page(request.query)
        page = await self.postgres.unit_of_work(subjects.list_subjects, self.kind, asked.after, asked.limit)
        next_after = page.items[-1].subject_id if page.has_more else None
        return Response(200, encode_subjects(self.kind.name, [subject_answer(each) for each in page.items], next_after))

    async def create(self, request: Request, identity: Identity | None) -> Response:
        """A new subject with a draft. Nothing checks the draft yet."""
        asked = decode_create(request.body)
        subject_id = self.kind.new_id(self.clock, self.entropy)
        command = domain.CreateSubject(subject_id, asked.name, asked.pools, asked.draft, caller_of(request, identity))
        made = answered(self.change, request, identity, self._body)
        return response(await made.make(subjects.create_subject, self.kind, command))

    async def read(self, request: Request, _: Identity | None) -> Response:
        """One subject with its draft. The header `ETag` holds the revision."""
        subject = await self.postgres.unit_of_work(subjects.read_subject, self.kind, self._id(request))
        if subject is None:
            raise Refusal(self.kind.not_found)
        body = encode_subject(self.kind.name, subject_answer(subject), subject.draft)
        return Response(200, body, ((b"etag", entity_tag(subject.revision)),))

    async def change_draft(self, request: Request, identity: Identity | None) -> Response:
        """Merge fields into the draft that the caller read."""
        asked = decode_change(request.body)
        revision = _revision(request, asked.expected_revision)
        caller = caller_of(request, identity)
        command = domain.ChangeSubject(self._id(request), revision, asked.pools, asked.draft, caller)
        made = answered(self.change, request, identity, self._body)
        return response(await made.make(subjects.change_subject, self.kind, command))

    async def archive(self, request: Request, identity: Identity | None) -> Response:
        """Archive a subject that is not active. A repeat changes nothing."""
        command = domain.ArchiveSubject(self._id(request), caller_of(request, identity))
        made = answered(self.change, request, identity, partial(self._archived, self._id(request)))
        return self._woken(await made.make(subjects.archive_subject, self.kind, command))

    async def check(self, request: Request, _: Identity | None) -> Response:
        """The errors and warnings of the draft. Nothing changes."""
        checks = await self.postgres.unit_of_work(subjects.check_subject, self.kind, self._id(request))
        if checks is None:
            raise Refusal(self.kind.not_found)
        return Response(200, encode_checks(checks))

    async def diff(self, request: Request, _: Identity | None) -> Response:
        """The differences between draft, active version and versions."""
        sides = await self.postgres.unit_of_work(
            subjects.read_sides, self.kind, self._id(request), *decode_diff(request.query)
        )
        if not isinstance(sides, tuple):
            raise refusal(self.kind, sides)
        before, after = sides
        return Response(200, encode_diff(list(differences(before, after))))

    async def publish(self, request: Request, identity: Identity | None) -> Response:
        """Make a version of the draft that the caller reviewed."""
        asked = decode_publish(request.body)
        revision = _revision(request, asked.expected_revision)
        command = domain.PublishSubject(self._id(request), revision, asked.note, caller_of(request, identity))
        made = answered(self.change, request, identity, self._body)
        return response(await made.make(subjects.publish_subject, self.kind, command))

    async def activate(self, request: Request, identity: Identity | None) -> Response:
        """Give a version to the nodes of its pools, or to some of them first."""
        asked, keys = decode_activate(request.body), self._signing_keys()
        stage = asked.stage and domain.Stage(asked.stage.percent, asked.stage.halt_on_rejected)
        if stage == domain.Stage(100, halts=False):
            stage = None
        command = domain.ActivateVersion(
            self._id(request),
            asked.version,
            asked.expected_active_version,
            stage,
            asked.note,
            caller_of(request, identity),
        )
        made = answered(self.change, request, identity, self._body)
        return self._woken(await made.make(activation.activate_version, self.kind, keys, command))

    async def pause(self, request: Request, identity: Identity | None) -> Response:
        """Take the active version from the nodes of its pools."""
        note, keys = decode_pause(request.body), self._signing_keys()
        command = domain.PauseSubject(self._id(request), note, caller_of(request, identity))
        made = answered(self.change, request, identity, self._body)
        return self._woken(await made.make(activation.pause_subject, self.kind, keys, command))

    async def revert(self, request: Request, identity: Identity | None) -> Response:
        """Copy a version into the draft that the caller read."""
        asked = decode_revert(request.body)
        revision, caller = _revision(request, asked.expected_revision), caller_of(request, identity)
        command = domain.RevertDraft(self._id(request), asked.version, revision, caller)
        made = answered(self.change, request, identity, partial(self._body, changed="reverted"))
        return response(await made.make(subjects.revert_draft, self.kind, command))

    async def list_versions(self, request: Request, _: Identity | None) -> Response:
        """Versions without their drafts, newest first."""
        asked, before = _page(request)
        page = await self.postgres.unit_of_work(
            subjects.list_versions, self.kind, self._id(request), before, asked.limit
        )
        if page is None:
            raise Refusal(self.kind.not_found)
        next_after = str(page.items[-1].version) if page.has_more else None
        return Response(200, encode_versions([version_answer(each) for each in page.items], next_after))

    async def read_version(self, request: Request, _: Identity | None) -> Response:
        """One version with its draft."""
        number = version_number(request.path_parameters["version"])
        if await self.postgres.unit_of_work(subjects.read_subject, self.kind, self._id(request)) is None:
            raise Refusal(self.kind.not_found)
        found = number and await self.postgres.unit_of_work(subjects.read_version, self._id(request), number)
        if not found:
            raise Refusal(ErrorCode.VERSION_NOT_FOUND)
        return Response(200, encode_version(version_answer(found.version), found.draft))

    async def list_activations(self, request: Request, _: Identity | None) -> Response:
        """The history of activations and pauses, newest first."""
        asked, before = _page(request)
        page = await self.postgres.unit_of_work(
            subjects.list_activations, self.kind, self._id(request), before, asked.limit
        )
        if page is None:
            raise Refusal(self.kind.not_found)
        next_after = str(page.items[-1].activation_id) if page.has_more else None
        return Response(200, encode_activations([activation_answer(each) for each in page.items], next_after))

    def _id(self, request: Request) -> str:
        return request.path_parameters[f"{self.kind.name}_id"]

    def _signing_keys(self) -> ConfigKeys:
        if not self.keys.public_keys():
            raise Refusal(
                ErrorCode.SIGNING_KEYS_MISSING, "AUTHSESSION_CONFIG_KEYS is not set, so nothing can be signed"
            )
        return self.keys

    def _woken(self, answer: Answer | KeyConflict) -> Response:
        """The response, once those who wait for the heads are woken. A needless wake does no harm."""
        self.wake.notify()
        return response(answer)

    def _archived(self, subject_id: str, outcome: domain.ArchiveOutcome) -> bytes:
        match outcome:
            case domain.Archived() | domain.AlreadyArchived():
                return encode_outcome(self.kind.name, outcome.name, subject_id)
            case _:
                raise refusal(self.kind, outcome)

    def _body(self, outcome: Outcome, *, changed: str = "changed") -> bytes:
        """The answer to a change. Raises `Refusal` for a refused one."""
        match outcome:
            case Created(subject):
                return encode_subject(self.kind.name, subject_answer(subject), subject.draft)
            case Changed(subject):
                return encode_subject(self.kind.name, subject_answer(subject), subject.draft, changed)
            case Unchanged(subject):
                return encode_subject(self.kind.name, subject_answer(subject), subject.draft, outcome.name)
            case Published(version, warnings):
                return encode_published(outcome.name, version, warnings)
            case Activated(version, pools):
                return encode_activated(outcome.name, version, pools)
            case Paused(pools=pools):
                return encode_activated(outcome.name, None, pools)
            case _:
                raise refusal(self.kind, outcome)


def routes(kind: Kind, path: str, read: Scope, write: Scope, publish: Scope) -> tuple[Route[SubjectApi], ...]:
    """The routes of a kind under a path, with the scopes that they need."""
    one = f"{path}/{{{kind.name}_id}}"
    reading, writing, publishing = Scoped(read), Scoped(write), Scoped(publish)
    return (
        Route("GET", path, SubjectApi.list, access=reading),
        Route("POST", path, SubjectApi.create, access=writing, body=_DRAFT_BODY),
        Route("GET", one, SubjectApi.read, access=reading),
        Route("PATCH", one, SubjectApi.change_draft, access=writing, body=_DRAFT_BODY),
        Route("DELETE", one, SubjectApi.archive, access=writing),
        Route("POST", one + "/check", SubjectApi.check, access=reading),
        Route("GET", one + "/diff", SubjectApi.diff, access=reading),
        Route("POST", one + "/publish", SubjectApi.publish, access=publishing, accepts_body=True),
        Route("POST", one + "/activate", SubjectApi.activate, access=publishing, accepts_body=True),
        Route("POST", one + "/pause", SubjectApi.pause, access=publishing, accepts_body=True),
        Route("POST", one + "/revert", SubjectApi.revert, access=writing, accepts_body=True),
        Route("GET", one + "/versions", SubjectApi.list_versions, access=reading),
        Route("GET", one + "/versions/{version}", SubjectApi.read_version, access=reading),
        Route("GET", one + "/activations", SubjectApi.list_activations, access=reading),
    )


def _revision(request: Request, in_body: int | None) -> int:
    return expected_revision(in_body, request.headers.get("if-match"))


def _page(request: Request) -> tuple[PageQuery, int | None]:
    asked = decode_page(request.query)
    return asked, number_after(asked.after)
