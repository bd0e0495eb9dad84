"""The routes of the system settings (SPEC §5.2, §10.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from contracts.control_plane.system_settings import (
    LastChangeAnswer,
    SettingsAnswer,
    decode_change_settings,
    encode_change_settings,
    encode_settings,
)
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Identity, Operator, Scope, Token
from services.internal_admin.callers.paths import CONTROL_PLANE
from services.internal_admin.callers.request import caller_of
from services.internal_admin.callers.route import Route
from services.internal_admin.system_settings import store
from services.internal_admin.system_settings.domain.change import (
    ChangeSettings,
    NoNodeReports,
    Settings,
    SettingsChanged,
    SettingsConflict,
    SettingsState,
    SettingsUnchanged,
)
from services.internal_admin.system_settings.domain.settings import (
    SETTINGS,
    InvalidSetting,
    SettingValue,
    as_json,
    cautions,
    read_setting,
)
from shared.io.postgres import Postgres
from shared.kernel.actor import Actor
from shared.lifecycle.supervision import Signal
from shared.web.exchange import Request, Response

_SETTINGS = CONTROL_PLANE + "/system-settings"


@dataclass(frozen=True, slots=True)
class SettingsApi:
    """Reads and changes settings. `changed` wakes the worker that revokes the sessions of blocked domains."""

    postgres: Postgres
    changed: Signal

    async def read(self, _: Request, _identity: Identity | None) -> Response:
        """Every setting."""
        settings, state = await self.postgres.unit_of_work(store.read_settings_and_state)
        return Response(200, encode_settings(_answer(settings, state)))

    async def change(self, request: Request, identity: Identity | None) -> Response:
        """Change the settings of the request: all of them, or none. A repeat changes nothing.

        They are in force on return, in every process.
        """
        asked = decode_change_settings(request.body, frozenset(SETTINGS))
        values = _read_values(asked.settings)
        command = ChangeSettings(values, asked.expected_version, _actor(identity), caller_of(request, identity))
        outcome, state = await self.postgres.unit_of_work(store.change_settings_and_read_state, command)
        match outcome:
            case SettingsChanged(settings, names):
                self.changed.notify()
                answer = _answer(settings, state)
                return Response(200, encode_change_settings("changed", names, cautions(values), answer))
            case SettingsUnchanged(settings):
                answer = _answer(settings, state)
                return Response(200, encode_change_settings("unchanged", (), cautions(values), answer))
            case SettingsConflict():
                raise Refusal(ErrorCode.SETTINGS_CONFLICT)
            case NoNodeReports():
                raise Refusal(ErrorCode.NO_NODE_REPORTS)
            case _:
                assert_never(outcome)


ROUTES: tuple[Route[SettingsApi], ...] = (
    Route("GET", _SETTINGS, SettingsApi.read, access=Scoped(Scope.SETTINGS_READ)),
    Route("PATCH", _SETTINGS, SettingsApi.change, access=Scoped(Scope.SETTINGS_WRITE), accepts_body=True),
)


def _read_values(settings: Mapping[str, object]) -> Mapping[str, SettingValue]:
    """The values, or a refusal that names the first bad one."""
    try:
        return {name: read_setting(name, value) for name, value in settings.items()}
    except InvalidSetting as problem:
        raise Refusal(ErrorCode.INVALID_REQUEST, f"settings.{problem}") from None


def _actor(identity: Identity | None) -> Actor:
    """The authenticated caller, as the actor of the change."""
    match identity:
        case Operator(operator_id):
            return Actor("operator", operator_id)
        case Token(token_id):
            return Actor("token", token_id)
        case None:
            return Actor("anonymous", None)
        case other:
            return Actor(other.name, None)


def _answer(settings: Settings, state: SettingsState) -> SettingsAnswer:
    change = state.last_change
    return SettingsAnswer(
        settings.version,
        {name: as_json(value) for name, value in settings.values.items()},
        change and LastChangeAnswer(change.changed_at, change.actor.type, change.actor.id),
        state.to_revoke,
    )
