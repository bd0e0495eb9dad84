"""Every environment variable of both processes: name, default, meaning. The README's table comes from it (SPEC §12).

One table for both, because an installation gives both processes the same file: each must know the other's names.
"""

from datetime import timedelta
from typing import cast

from shared.config.settings import (
    Variable,
    key_ring,
    one_of,
    parse_address_text,
    parse_base_url,
    parse_boolean,
    parse_break_glass_token,
    parse_budget,
    parse_duration,
    parse_host,
    parse_hosts,
    parse_mail_server_address,
    parse_mail_timeout,
    parse_networks,
    parse_optional_address,
    parse_positive_duration,
    parse_postgres_dsn,
    parse_public_address,
    parse_rate,
    parse_seconds,
    parse_server_address,
    parse_text,
    parse_user_service_timeout,
    whole_number,
)
from shared.kernel.mail_sender import parse_mail_sender
from shared.kernel.one_line import parse_product_name

_KEYS = "`id:base64,…`, newest first, each of 32 bytes or more (`authsession keys new` makes one)"
_BUDGET = "in all / from one network at most / kept for networks that the address confirmed from"

ENV = Variable(
    "AUTHSESSION_ENV",
    one_of("development", "production"),
    "`production` refuses, at boot, whatever is only fit for development",
    "development",
)

PUBLIC_HTTP_ADDR = Variable(
    "AUTHSESSION_PUBLIC_HTTP_ADDR",
    parse_public_address,
    "where the public API listens: `host:port`, `:port`, `unix:/path`",
    ":8080",
)
INTERNAL_HTTP_ADDR = Variable(
    "AUTHSESSION_INTERNAL_HTTP_ADDR",
    parse_address_text,
    "where the internal API listens; `:port` means loopback while it needs no credentials, mail is `stub`, or "
    "`CONTROL_PLANE_AUTH_MODE` is `open`",
    ":8081",
)
PUBLIC_METRICS_ADDR = Variable(
    "AUTHSESSION_PUBLIC_METRICS_ADDR",
    parse_optional_address,
    "where the public process shows `/metrics` and its checks in detail, or `off`",
    "127.0.0.1:9464",
)
PUBLIC_HOST = Variable(
    "AUTHSESSION_PUBLIC_HOST", parse_host, "host name of the public API, as `client_key_proof` signs it"
)
TRUSTED_PROXIES = Variable(
    "AUTHSESSION_TRUSTED_PROXIES", parse_networks, "networks (CIDR list) whose `X-Forwarded-For` is believed", ""
)
KEEP_ALIVE_TIMEOUT = Variable(
    "AUTHSESSION_KEEP_ALIVE_TIMEOUT",
    parse_positive_duration,
    "how long an idle HTTP connection is kept: longer than the proxy in front keeps it (600 s at Google's balancers)",
    "75s",
)
PUBLIC_PROXY_PROTOCOL = Variable(
    "AUTHSESSION_PUBLIC_PROXY_PROTOCOL",
    parse_boolean,
    "whether each connection to the public API begins with a header of the PROXY protocol (version 1 or 2), from one "
    "of `AUTHSESSION_TRUSTED_PROXIES`; others are refused",
    "off",
)
INTERNAL_PROXY_PROTOCOL = Variable(
    "AUTHSESSION_INTERNAL_PROXY_PROTOCOL",
    parse_boolean,
    "whether each connection to the internal API begins with a header of the PROXY protocol (version 1 or 2), from one "
    "of `AUTHSESSION_TRUSTED_PROXIES`; others are refused",
    "off",
)
INTERNAL_HOSTS = Variable(
    "AUTHSESSION_INTERNAL_HOSTS",
    parse_hosts,
    "host names, separated by commas, by which the internal listener may be called without credentials; IP addresses "
    "and `localhost` always may",
    "",
)
INTERNAL_AUTH = Variable(
    "AUTHSESSION_INTERNAL_AUTH",
    one_of("trusted_network", "token"),
    "who may call the internal API: everyone who reaches it (`trusted_network`), or holders of a token with the right "
    "scope (`token`); a token that is shown is held to its scopes in both",
    "trusted_network",
)

POSTGRES_DSN = Variable(
    "AUTHSESSION_POSTGRES_DSN",
    parse_postgres_dsn,
    "libpq URL of Postgres, `postgresql://user:password@host:port/database`; several hosts may be given",
    is_required=True,
    is_secret=True,
)
POSTGRES_DIRECT_DSN = Variable(
    "AUTHSESSION_POSTGRES_DIRECT_DSN",
    parse_postgres_dsn,
    "URL of that database past the pooler, if `AUTHSESSION_POSTGRES_DSN` leads through one in transaction mode, "
    "and only in that case; commands such as `migrate` use it",
    is_secret=True,
)
POSTGRES_POOL_SIZE = Variable(
    "AUTHSESSION_POSTGRES_POOL_SIZE", whole_number(1, 500), "connections to Postgres of one process at most", "10"
)
REDIS_ADDR = Variable(
    "AUTHSESSION_REDIS_ADDR", parse_server_address, "address of Redis: `host:port` or `unix:/path`", "127.0.0.1:6379"
)
REDIS_USERNAME = Variable("AUTHSESSION_REDIS_USERNAME", parse_text, "Redis ACL user")
REDIS_PASSWORD = Variable("AUTHSESSION_REDIS_PASSWORD", parse_text, "password of the Redis ACL user", is_secret=True)
REDIS_DB = Variable("AUTHSESSION_REDIS_DB", whole_number(0, 65535), "number of the Redis database", "0")
REDIS_TLS = Variable("AUTHSESSION_REDIS_TLS", parse_boolean, "whether to speak TLS to Redis", "false")

LOGIN_CODE_KEYS = Variable(
    "AUTHSESSION_LOGIN_CODE_KEYS",
    key_ring("AUTHSESSION_LOGIN_CODE_KEYS"),
    f"keys that login codes and networks are hashed under: {_KEYS}",
    is_required=True,
    is_secret=True,
)
SEALING_KEYS = Variable(
    "AUTHSESSION_SEALING_KEYS",
    key_ring("AUTHSESSION_SEALING_KEYS"),
    f"keys that encrypt a code until its letter has left: {_KEYS}",
    is_required=True,
    is_secret=True,
)

COOKIE_KEYS = Variable(
    "AUTHSESSION_COOKIE_KEYS",
    key_ring("AUTHSESSION_COOKIE_KEYS"),
    f"keys that the session cookies of operators are encrypted under (internal process): {_KEYS}",
    is_required=True,
    is_secret=True,
)
AUDIT_KEYS = Variable(
    "AUTHSESSION_AUDIT_KEYS",
    key_ring("AUTHSESSION_AUDIT_KEYS"),
    f"keys that the audit trail is sealed under (internal process): {_KEYS}",
    is_required=True,
    is_secret=True,
)

ALLOW_LOOPBACK_BOOTSTRAP = Variable(
    "AUTHSESSION_ALLOW_LOOPBACK_BOOTSTRAP",
    parse_boolean,
    "whether the first owner may be claimed from this machine without a setup code; refused in production",
    "false",
)
CONTROL_PLANE_AUTH_MODE = Variable(
    "CONTROL_PLANE_AUTH_MODE",
    one_of("operator", "development", "open"),
    "who may use the control plane: operators and tokens, in `development` whoever calls from this machine too, in "
    "`open` everybody; only `operator` is taken in production",
    "operator",
)
CONTROL_PLANE_API_TOKEN = Variable(
    "CONTROL_PLANE_API_TOKEN",
    parse_break_glass_token,
    "break-glass token of 32 characters or more with every scope; each use is audited; unset: there is none",
    is_secret=True,
)
CONTROL_PLANE_ALLOW_INSECURE_COOKIES = Variable(
    "CONTROL_PLANE_ALLOW_INSECURE_COOKIES",
    parse_boolean,
    "whether operators may log in by cookie over plain HTTP beyond this machine; refused in production",
    "false",
)
CONTROL_PLANE_OPERATOR_SESSION_TTL_SECONDS = Variable(
    "CONTROL_PLANE_OPERATOR_SESSION_TTL_SECONDS",
    parse_seconds(most=timedelta(days=90)),
    "how long an operator's session lives at most, however often it is renewed",
    "604800",
)
CONTROL_PLANE_OPERATOR_LOGIN_MAX_FAILURES = Variable(
    "CONTROL_PLANE_OPERATOR_LOGIN_MAX_FAILURES",
    whole_number(1, 1000),
    "wrong passwords after which an operator's password is not taken for a while",
    "5",
)
CONTROL_PLANE_OPERATOR_LOGIN_LOCKOUT_SECONDS = Variable(
    "CONTROL_PLANE_OPERATOR_LOGIN_LOCKOUT_SECONDS",
    parse_seconds(most=timedelta(days=1)),
    "how long an operator's password is not taken after too many wrong ones, in seconds",
    "900",
)

MAIL_SERVICE_MODE = Variable(
    "AUTHSESSION_MAIL_SERVICE_MODE",
    one_of("stub", "rest", "smtp"),
    "how mail leaves: `stub` is a mailbox for development, `rest` a mail service, `smtp` a mail server",
    "stub",
)
MAIL_SERVICE_BASE_URL = Variable(
    "AUTHSESSION_MAIL_SERVICE_BASE_URL", parse_base_url, "URL of the mail service; required for `rest`"
)
MAIL_SERVICE_REQUEST_TIMEOUT = Variable(
    "AUTHSESSION_MAIL_SERVICE_REQUEST_TIMEOUT",
    parse_mail_timeout,
    "how long handing a mail to the mail service may take, at most `1m`",
    "1s",
)
MAIL_CONCURRENCY = Variable(
    "AUTHSESSION_MAIL_CONCURRENCY",
    whole_number(2, 500),
    "most mails that one process hands over at once; second tries take at most half of them",
    "20",
)
SMTP_ADDR = Variable(
    "AUTHSESSION_SMTP_ADDR", parse_mail_server_address, "`host:port` of the mail server; required for `smtp`"
)
SMTP_TLS = Variable(
    "AUTHSESSION_SMTP_TLS",
    one_of("starttls", "implicit", "off"),
    "how the way to the mail server is encrypted: `starttls` (usually port 587), `implicit` (TLS from the first byte, "
    "usually port 465) or `off` (refused in production); the certificate is verified by the authorities of "
    "`SSL_CERT_FILE`, if set, else of the system",
    "starttls",
)
SMTP_USERNAME = Variable("AUTHSESSION_SMTP_USERNAME", parse_text, "user name at the mail server; unset: no login")
SMTP_PASSWORD = Variable("AUTHSESSION_SMTP_PASSWORD", parse_text, "password at the mail server", is_secret=True)
SMTP_FROM = Variable(
    "AUTHSESSION_SMTP_FROM",
    parse_mail_sender,
    "who letters come from, `login@example.com` or `Example <login@example.com>`; required for `smtp`",
)
MAIL_PRODUCT_NAME = Variable(
    "AUTHSESSION_MAIL_PRODUCT_NAME",
    parse_product_name,
    "name of your product in the letters of `smtp`; if unset, the name in `AUTHSESSION_SMTP_FROM`, or its domain",
)
MAIL_TEMPLATES = Variable(
    "AUTHSESSION_MAIL_TEMPLATES",
    parse_text,
    "folder of templates and wordings that replace those of the letters of `smtp` (docs/guides/mail.md)",
)
SMTP_TIMEOUT = Variable(
    "AUTHSESSION_SMTP_TIMEOUT",
    parse_mail_timeout,
    "how long handing one mail to the mail server may take, connecting included, at most `1m`",
    "10s",
)
USER_SERVICE_MODE = Variable(
    "AUTHSESSION_USER_SERVICE_MODE",
    one_of("stub", "rest"),
    "where users live: `stub` is this product's own Postgres, `rest` a user service",
    "stub",
)
USER_SERVICE_BASE_URL = Variable(
    "AUTHSESSION_USER_SERVICE_BASE_URL", parse_base_url, "URL of the user service; required for `rest`"
)
USER_SERVICE_REQUEST_TIMEOUT = Variable(
    "AUTHSESSION_USER_SERVICE_REQUEST_TIMEOUT",
    parse_user_service_timeout,
    "how long one call of the user service may take, at most `4s`",
    "1s",
)

SEND_RATE_LIMIT = Variable(
    "AUTHSESSION_SEND_RATE_LIMIT", parse_rate, "`send-email-code` calls from one network, or `off`", "60/1m"
)
CONFIRM_RATE_LIMIT = Variable(
    "AUTHSESSION_CONFIRM_RATE_LIMIT", parse_rate, "`confirm-email-code` calls from one network, or `off`", "120/1m"
)
PUBLIC_RATE_LIMIT = Variable(
    "AUTHSESSION_PUBLIC_RATE_LIMIT", parse_rate, "calls of the public API from all networks together, or `off`", "off"
)
NEW_ADDRESS_MAIL_LIMIT = Variable(
    "AUTHSESSION_NEW_ADDRESS_MAIL_LIMIT",
    parse_rate,
    "sends from one network to addresses that did not log in from it, past which addresses that never logged in at all "
    "get no mail; or `off`; if unset, `off` in development, "
    "`300/1h` in production",
)
BUDGET_MAILS_PER_HOUR = Variable(
    "AUTHSESSION_BUDGET_MAILS_PER_HOUR",
    parse_budget,
    f"login mails to one mailbox (`anna@` and `anna+…@` together) in an hour: {_BUDGET}",
    "10/3/2",
)
BUDGET_MAILS_PER_DAY = Variable(
    "AUTHSESSION_BUDGET_MAILS_PER_DAY", parse_budget, f"login mails to one mailbox in 24 hours: {_BUDGET}", "28/6/4"
)
BUDGET_LIVE_CHALLENGES = Variable(
    "AUTHSESSION_BUDGET_LIVE_CHALLENGES",
    parse_budget,
    f"live challenges on one login code: {_BUDGET}; each reserves five wrong codes",
    "20/2/4",
)
BUDGET_WRONG_CODES = Variable(
    "AUTHSESSION_BUDGET_WRONG_CODES", parse_budget, f"wrong codes for one e-mail in 24 hours: {_BUDGET}", "100/20/20"
)
RATE_LIMIT_KEY_PREFIX = Variable(
    "AUTHSESSION_RATE_LIMIT_KEY_PREFIX", parse_text, "start of the names of rate limits in Redis", "authsession:rate:"
)

GATEWAY_KEY_PREFIX = Variable(
    "AUTHSESSION_GATEWAY_KEY_PREFIX", parse_text, "start of the keys of session records in Redis", "gateway:session:"
)
GATEWAY_STREAM = Variable(
    "AUTHSESSION_GATEWAY_STREAM", parse_text, "key of the stream of session events in Redis", "gateway:session_events"
)
GATEWAY_STREAM_MAXLEN = Variable(
    "AUTHSESSION_GATEWAY_STREAM_MAXLEN",
    whole_number(1, 100_000_000),
    "about how many events the stream keeps",
    "100000",
)

DRAIN_DELAY = Variable(
    "AUTHSESSION_DRAIN_DELAY",
    parse_duration,
    "how long a process goes on accepting after SIGTERM, while `/readyz` says 503",
    "5s",
)
SHUTDOWN_TIMEOUT = Variable(
    "AUTHSESSION_SHUTDOWN_TIMEOUT",
    parse_positive_duration,
    "how long running requests may take to finish after the drain delay",
    "10s",
)

VARIABLES = tuple(cast(Variable[object], value) for value in globals().copy().values() if isinstance(value, Variable))


def markdown_table() -> str:
    """The README's table of every name with default and meaning."""
    rows = [f"| `{each.name}` | {_shown_default(each)} | {each.meaning} |" for each in VARIABLES]
    return "\n".join(["| name | default | meaning |", "| --- | --- | --- |", *rows]) + "\n"


def _shown_default(variable: Variable[object]) -> str:
    if variable.is_required:
        return "required" + (f" (or `{variable.name}_FILE`)" if variable.is_secret else "")
    return f"`{variable.default}`" if variable.default else ""
