"""Every generated page with the function that makes its text."""

from collections.abc import Callable, Mapping
from pathlib import Path

from docs.generate import (
    audit_events,
    cli,
    configuration,
    errors,
    gateway_records,
    http_api,
    metrics,
    settings,
)

FOLDER = Path(__file__).parents[1] / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "audit-events.md": audit_events.page,
    "cli.md": cli.page,
    "configuration.md": configuration.page,
    "errors.md": errors.page,
    "gateway-records.md": gateway_records.page,
    "http-api.md": http_api.page,
    "metrics.md": metrics.page,
    "settings.md": settings.page,
}
