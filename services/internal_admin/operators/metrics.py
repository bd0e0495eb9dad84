"""What the control plane counts: outcomes as words, never who they were about."""

from opentelemetry import metrics

_LOG_INS = metrics.get_meter("authsession").create_counter(
    "authsession.operator.log_ins", unit="{attempt}", description="Logins of operators, by outcome."
)


def count_log_in(outcome: str) -> None:
    """`logged_in`, or why not, as the audit trail has it. After it is committed."""
    _LOG_INS.add(1, {"outcome": outcome})
