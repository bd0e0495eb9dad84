"""A node's status: the configuration that it applied or refused, and its report (SPEC §16)."""

import re
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, Literal, TypeAlias, cast, get_args

from contracts.encoding import encode
from contracts.node.manifest import Position, read_digest
from contracts.node.names import read_software
from contracts.node.report import MAX_LAST_USES, MAX_REFUSAL_CODES, Lag, RedisHealth, Report
from contracts.strict_json import Fields, decode_object, invalid, known_fields, read_count, read_object, read_text

Outcome: TypeAlias = Literal["applied", "rejected", "degraded"]
Source: TypeAlias = Literal["control_plane", "disk", "bundle"]

MAX_STATUS_BYTES: Final = 96 * 1024
"""The last uses of 1,000 sessions take about 60 KiB."""
MAX_MESSAGE_LENGTH: Final = 500

_STATUS_NAMES = frozenset({"boot_id", "config", "applied", "software", "report"})
_CONFIG_NAMES = frozenset({"epoch", "sequence", "digest", "outcome", "error", "source"})
_APPLIED_NAMES = frozenset({"epoch", "sequence", "digest", "source"})
_ERROR_NAMES = frozenset({"code", "message", "document"})
_REPORT_NAMES = frozenset({"sessions_cached", "passed", "refused", "revocation_lag_ms", "redis", "last_used"})
_LAG_NAMES = frozenset({"p50", "p99"})
_BOOT_ID = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_CODE = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
_SESSION_ID = re.compile(r"device-session-[0-9A-Za-z_-]{1,64}", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ConfigError:
    """Why a node refused a configuration, or runs with less than all of it. `document` is `kind/name`."""

    code: str
    message: str = field(repr=False)
    document: str | None = None


@dataclass(frozen=True, slots=True)
class ConfigOutcome:
    """The last configuration that the node tried. `source` says from where an applied one came."""

    position: Position
    digest: str
    outcome: Outcome
    error: ConfigError | None = None
    source: Source = "control_plane"


@dataclass(frozen=True, slots=True)
class AppliedConfig:
    """The configuration that serves while a newer one is rejected."""

    position: Position
    digest: str
    source: Source = "control_plane"


@dataclass(frozen=True, slots=True)
class Status:
    """The body of `PUT /api/v1/node/status`. `config` is None while the node never had a configuration.

    `applied` is given with a rejected `config`, if an older configuration serves. `boot_id` is random for each start of
    the process.
    """

    boot_id: str
    config: ConfigOutcome | None = None
    applied: AppliedConfig | None = None
    software: str | None = None
    report: Report | None = None


def decode_status(body: bytes) -> Status:
    """The body of a status. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _STATUS_NAMES)
    boot_id = read_text(fields, "boot_id")
    if not _BOOT_ID.fullmatch(boot_id):
        raise invalid("boot_id must be 16 to 64 characters of base64url")
    return Status(
        boot_id,
        _read_config(read_object(fields, "config")) if "config" in fields else None,
        _read_applied(read_object(fields, "applied")) if "applied" in fields else None,
        read_software(fields),
        _read_report(read_object(fields, "report")) if "report" in fields else None,
    )


def encode_status(status: Status) -> bytes:
    """The body of `PUT /api/v1/node/status`."""
    answer: dict[str, object] = {"boot_id": status.boot_id}
    if status.config is not None:
        config = status.config
        answer["config"] = {
            **_position_fields(config.position, config.digest), "outcome": config.outcome, "source": config.source,
            **({} if config.error is None else {"error": _error_fields(config.error)}),
        }  # fmt: skip
    if status.applied is not None:
        applied = status.applied
        answer["applied"] = {**_position_fields(applied.position, applied.digest), "source": applied.source}
    if status.software is not None:
        answer["software"] = status.software
    if status.report is not None:
        answer["report"] = _report_fields(status.report)
    return encode(answer)


def encode_report(report: Report) -> str:
    """The report as JSON text without last uses, as it is kept and shown."""
    return encode(_report_fields(replace(report, last_used=()))).decode()


def encode_recorded() -> bytes:
    """The answer to a status."""
    return encode({"outcome": "recorded"})


def _read_config(value: Fields) -> ConfigOutcome:
    fields = known_fields(value, _CONFIG_NAMES, within="config.")
    outcome = read_text(fields, "outcome", within="config.")
    if outcome not in get_args(Outcome):
        raise invalid("config.outcome must be applied, rejected or degraded")
    error = _read_error(read_object(fields, "error")) if "error" in fields else None
    if outcome == "rejected" and error is None:
        raise invalid("config.error is required with the outcome rejected")
    return ConfigOutcome(
        _read_position(fields, "config."),
        read_digest(fields, "digest", within="config."),
        cast("Outcome", outcome),
        error,
        _read_source(fields, "config."),
    )


def _read_applied(value: Fields) -> AppliedConfig:
    fields = known_fields(value, _APPLIED_NAMES, within="applied.")
    digest = read_digest(fields, "digest", within="applied.")
    return AppliedConfig(_read_position(fields, "applied."), digest, _read_source(fields, "applied."))


def _read_error(value: Fields) -> ConfigError:
    fields = known_fields(value, _ERROR_NAMES, within="config.error.")
    code = read_text(fields, "code", within="config.error.")
    if not _CODE.fullmatch(code):
        raise invalid("config.error.code must be 1 to 64 of a-z, 0-9 and _")
    document = _line(fields, "document") if "document" in fields else None
    return ConfigError(code, _line(fields, "message"), document)


def _line(fields: Fields, name: str) -> str:
    text = read_text(fields, name, within="config.error.")
    if len(text) > MAX_MESSAGE_LENGTH or not (text == "" or text.isprintable()):
        raise invalid(f"config.error.{name} must be at most {MAX_MESSAGE_LENGTH} printable characters")
    return text


def _read_position(fields: Fields, within: str) -> Position:
    return Position(read_count(fields, "epoch", within=within), read_count(fields, "sequence", within=within))


def _read_source(fields: Fields, within: str) -> Source:
    source = read_text(fields, "source", within=within) if "source" in fields else "control_plane"
    if source not in get_args(Source):
        raise invalid(f"{within}source must be control_plane, disk or bundle")
    return cast("Source", source)


def _read_report(value: Fields) -> Report:
    fields = known_fields(value, _REPORT_NAMES, within="report.")
    redis = read_text(fields, "redis", within="report.") if "redis" in fields else None
    if redis is not None and redis not in get_args(RedisHealth):
        raise invalid("report.redis must be ok or lost")
    lag = None
    if "revocation_lag_ms" in fields:
        of_lag = known_fields(read_object(fields, "revocation_lag_ms"), _LAG_NAMES, within="report.revocation_lag_ms.")
        lag = Lag(*(read_count(of_lag, name, within="report.revocation_lag_ms.") for name in ("p50", "p99")))
    return Report(
        read_count(fields, "sessions_cached", within="report.") if "sessions_cached" in fields else None,
        read_count(fields, "passed", within="report.") if "passed" in fields else 0,
        _read_refused(read_object(fields, "refused")) if "refused" in fields else {},
        lag,
        cast("RedisHealth | None", redis),
        _read_last_used(fields["last_used"]) if "last_used" in fields else (),
    )


def _read_refused(counts: Fields) -> dict[str, int]:
    if len(counts) > MAX_REFUSAL_CODES or not all(_CODE.fullmatch(code) for code in counts):
        raise invalid(f"report.refused must have at most {MAX_REFUSAL_CODES} codes of a-z, 0-9 and _")
    return {code: read_count(counts, code, within="report.refused.") for code in counts}


def _read_last_used(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or len(cast("list[object]", value)) > MAX_LAST_USES:
        raise invalid(f"report.last_used must be a list of at most {MAX_LAST_USES} pairs")
    return tuple(_read_use(each) for each in cast("list[object]", value))


def _read_use(value: object) -> tuple[str, str]:
    match value:
        case [str(session), str(day)] if _SESSION_ID.fullmatch(session) and _is_day(day):
            return session, day
        case _:
            raise invalid("report.last_used must hold pairs of a device session id and a day like 2026-04-05")


def _is_day(text: str) -> bool:
    try:
        return _DAY.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:  # the calendar does not have it
        return False


def _position_fields(position: Position, digest: str) -> dict[str, object]:
    return {"epoch": position.epoch, "sequence": position.sequence, "digest": digest}


def _error_fields(error: ConfigError) -> dict[str, object]:
    told = {"code": error.code, "message": error.message}
    return {**told} if error.document is None else {**told, "document": error.document}


def _report_fields(report: Report) -> dict[str, object]:
    told: dict[str, object] = {"passed": report.passed, "refused": dict(report.refused)}
    if report.sessions_cached is not None:
        told["sessions_cached"] = report.sessions_cached
    if report.revocation_lag is not None:
        told["revocation_lag_ms"] = {"p50": report.revocation_lag.p50, "p99": report.revocation_lag.p99}
    if report.redis is not None:
        told["redis"] = report.redis
    if report.last_used:
        told["last_used"] = [list(pair) for pair in report.last_used]
    return told
