"""The metrics of operators' logins: outcomes as words, never names."""

from opentelemetry import metrics

_LOG_INS = metrics.get_meter("authsession").create_counter(
    "authsession.operator.log_ins", unit="{attempt}", description="Logins of operators, by outcome."
)


def count_log_in(outcome: str) -> None:
    """Count a committed attempt. `outcome` is `logged_in`, or the reason in the audit trail."""
    _LOG_INS.add(1, {"outcome": outcome})
