"""Every environment variable of both processes. `docs/reference/configuration.md` comes from it.

One table for both, because an installation gives both processes the same file: each must know the other's names.
"""

from datetime import timedelta
from typing import cast

from shared.config.settings import (
    OneOf,
    Variable,
    config_keys,
    key_ring,
    parse_address_text,
    parse_base_url,
    parse_boolean,
    parse_break_glass_token,
    parse_budget,
    parse_cors_origins,
    parse_duration,
    parse_egress_proxy,
    parse_headers,
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
from shared.kernel.keyring import NO_KEYS
from shared.kernel.mail_sender import parse_mail_sender
from shared.kernel.one_line import parse_product_name

_KEYS = "`id:base64,…`, newest first, each of 32 bytes or more (`authsession keys new` makes one)"
_BUDGET = "`total/per network/reserved for networks from which the address logged in`"

ENV = Variable(
    "AUTHSESSION_ENV",
    OneOf(("development", "production")),
    "`production` refuses to start with any setting that is only fit for `development`.",
    "development",
)

PUBLIC_HTTP_ADDR = Variable(
    "AUTHSESSION_PUBLIC_HTTP_ADDR",
    parse_public_address,
    "Address on which the public API listens: `host:port`, `:port` or `unix:/path`.",
    ":8080",
)
INTERNAL_HTTP_ADDR = Variable(
    "AUTHSESSION_INTERNAL_HTTP_ADDR",
    parse_address_text,
    "Address on which the internal API listens: `host:port`, `:port` or `unix:/path`. `:port` means loopback "
    "while the API needs no credentials, mail is `stub`, or `CONTROL_PLANE_AUTH_MODE` is `open`.",
    ":8081",
)
NODE_HTTP_ADDR = Variable(
    "AUTHSESSION_NODE_HTTP_ADDR",
    parse_public_address,
    "Address on which the internal process serves `/api/v1/node/*`: `host:port`, `:port` or `unix:/path`. Unset, "
    "these routes are on `AUTHSESSION_INTERNAL_HTTP_ADDR`; set, they are only here. Nodes sign every request.",
)
PUBLIC_METRICS_ADDR = Variable(
    "AUTHSESSION_PUBLIC_METRICS_ADDR",
    parse_optional_address,
    "Address on which the public process serves `/metrics` and the detailed `/readyz`, or `off`.",
    "127.0.0.1:9464",
)
PUBLIC_HOST = Variable(
    "AUTHSESSION_PUBLIC_HOST", parse_host, "Host name of the public API, as clients sign it in `client_key_proof`."
)
CORS_ORIGINS = Variable(
    "AUTHSESSION_CORS_ORIGINS",
    parse_cors_origins,
    "Origins of web pages that may call the public API from a browser: exact ones, separated by commas, such as "
    "`https://app.example.com`, or `*` for every one. Unset, no answer has a header of CORS.",
)
TRUSTED_PROXIES = Variable(
    "AUTHSESSION_TRUSTED_PROXIES",
    parse_networks,
    "Networks of your proxies, as a comma-separated CIDR list. Their `X-Forwarded-For` is believed.",
    "",
)
KEEP_ALIVE_TIMEOUT = Variable(
    "AUTHSESSION_KEEP_ALIVE_TIMEOUT",
    parse_positive_duration,
    "How long an idle HTTP connection stays open. Set it longer than the proxy in front does; Google's "
    "balancers use 600 s.",
    "75s",
)
PUBLIC_PROXY_PROTOCOL = Variable(
    "AUTHSESSION_PUBLIC_PROXY_PROTOCOL",
    parse_boolean,
    "Whether each connection to the public API must begin with a PROXY protocol header, version 1 or 2. Only "
    "connections from `AUTHSESSION_TRUSTED_PROXIES` are then accepted.",
    "off",
)
INTERNAL_PROXY_PROTOCOL = Variable(
    "AUTHSESSION_INTERNAL_PROXY_PROTOCOL",
    parse_boolean,
    "Whether each connection to the internal API must begin with a PROXY protocol header, version 1 or 2. "
    "Only connections from `AUTHSESSION_TRUSTED_PROXIES` are then accepted.",
    "off",
)
NODE_PROXY_PROTOCOL = Variable(
    "AUTHSESSION_NODE_PROXY_PROTOCOL",
    parse_boolean,
    "Whether each connection to `AUTHSESSION_NODE_HTTP_ADDR` must begin with a PROXY protocol header, version 1 or 2. "
    "Only connections from `AUTHSESSION_TRUSTED_PROXIES` are then accepted.",
    "off",
)
INTERNAL_HOSTS = Variable(
    "AUTHSESSION_INTERNAL_HOSTS",
    parse_hosts,
    "Host names, separated by commas, under which the internal listener answers callers without credentials. "
    "IP addresses and `localhost` are always accepted.",
    "",
)
INTERNAL_AUTH = Variable(
    "AUTHSESSION_INTERNAL_AUTH",
    OneOf(("trusted_network", "token")),
    "Credentials that the internal API asks for. `trusted_network` accepts every caller that reaches it; "
    "`token` demands a token with the right scope. A token that a caller sends is checked in both modes.",
    "trusted_network",
)

POSTGRES_DSN = Variable(
    "AUTHSESSION_POSTGRES_DSN",
    parse_postgres_dsn,
    "libpq URL of Postgres, `postgresql://user:password@host:port/database`. It may name several hosts.",
    stand_in="",
    is_secret=True,
)
POSTGRES_DIRECT_DSN = Variable(
    "AUTHSESSION_POSTGRES_DIRECT_DSN",
    parse_postgres_dsn,
    "URL of the database without a pooler. Set it only if `AUTHSESSION_POSTGRES_DSN` leads through a "
    "pooler in transaction mode. Commands such as `migrate` use it.",
    is_secret=True,
)
POSTGRES_POOL_SIZE = Variable(
    "AUTHSESSION_POSTGRES_POOL_SIZE",
    whole_number(1, 500),
    "Maximum number of Postgres connections of one process.",
    "10",
)
REDIS_ADDR = Variable(
    "AUTHSESSION_REDIS_ADDR", parse_server_address, "Address of Redis: `host:port` or `unix:/path`.", "127.0.0.1:6379"
)
REDIS_USERNAME = Variable("AUTHSESSION_REDIS_USERNAME", parse_text, "Redis ACL user.")
REDIS_PASSWORD = Variable("AUTHSESSION_REDIS_PASSWORD", parse_text, "Password of the Redis ACL user.", is_secret=True)
REDIS_DB = Variable("AUTHSESSION_REDIS_DB", whole_number(0, 65535), "Number of the Redis database.", "0")
REDIS_TLS = Variable("AUTHSESSION_REDIS_TLS", parse_boolean, "Whether the connection to Redis uses TLS.", "false")

LOGIN_CODE_KEYS = Variable(
    "AUTHSESSION_LOGIN_CODE_KEYS",
    key_ring("AUTHSESSION_LOGIN_CODE_KEYS"),
    f"The keys that hash login codes and client networks: {_KEYS}.",
    stand_in=NO_KEYS,
    is_secret=True,
)
SEALING_KEYS = Variable(
    "AUTHSESSION_SEALING_KEYS",
    key_ring("AUTHSESSION_SEALING_KEYS"),
    f"The keys that encrypt a code until its letter has left: {_KEYS}.",
    stand_in=NO_KEYS,
    is_secret=True,
)

COOKIE_KEYS = Variable(
    "AUTHSESSION_COOKIE_KEYS",
    key_ring("AUTHSESSION_COOKIE_KEYS"),
    f"The keys that encrypt operators' session cookies, in the internal process: {_KEYS}.",
    stand_in=NO_KEYS,
    is_secret=True,
)
AUDIT_KEYS = Variable(
    "AUTHSESSION_AUDIT_KEYS",
    key_ring("AUTHSESSION_AUDIT_KEYS"),
    f"The keys that seal the audit trail, in the internal process: {_KEYS}.",
    stand_in=NO_KEYS,
    is_secret=True,
)
CONFIG_KEYS = Variable(
    "AUTHSESSION_CONFIG_KEYS",
    config_keys("AUTHSESSION_CONFIG_KEYS"),
    "The Ed25519 keys that sign the configuration of nodes, in the internal process: `id:base64,…`, newest first, each "
    "of 32 bytes exactly (`authsession keys new` makes one). Without a value nothing can be published to nodes.",
    is_secret=True,
)
SECRET_KEYS = Variable(
    "AUTHSESSION_SECRET_KEYS",
    key_ring("AUTHSESSION_SECRET_KEYS"),
    f"Key ring that seals secrets, in the internal process alone: {_KEYS}. Without a value no secret can be written or "
    "opened.",
    is_secret=True,
)
NODE_OTLP_ENDPOINT = Variable(
    "AUTHSESSION_NODE_OTLP_ENDPOINT",
    parse_base_url,
    "URL of the OpenTelemetry collector that gets the telemetry of nodes. `/v1/traces`, `/v1/metrics` and `/v1/logs` "
    "are appended. Without a value the default connection `telemetry` is used, if there is one.",
)
NODE_OTLP_HEADERS = Variable(
    "AUTHSESSION_NODE_OTLP_HEADERS",
    parse_headers,
    "Headers of each call to `AUTHSESSION_NODE_OTLP_ENDPOINT`, in the form of `OTEL_EXPORTER_OTLP_HEADERS`: "
    "`name=value,name2=value2`, values percent-encoded.",
    is_secret=True,
)
NODE_REDIS_USERS = Variable(
    "AUTHSESSION_NODE_REDIS_USERS",
    parse_boolean,
    "Whether each node may have a user of Redis for itself, which its revocation deletes. Needs Redis 7. The internal "
    "process then needs rights that make it an administrator of Redis (`authsession redis-acl --node-users`).",
    "off",
)

ALLOW_LOOPBACK_BOOTSTRAP = Variable(
    "AUTHSESSION_ALLOW_LOOPBACK_BOOTSTRAP",
    parse_boolean,
    "Whether a caller on this machine may claim the first owner without a setup code. Production refuses `true`.",
    "false",
)
CONTROL_PLANE_AUTH_MODE = Variable(
    "CONTROL_PLANE_AUTH_MODE",
    OneOf(("operator", "development", "open")),
    "Callers that the control plane accepts. `operator`: operators and tokens; `development`: also callers "
    "on this machine without credentials; `open`: everybody. Production accepts only `operator`.",
    "operator",
)
CONTROL_PLANE_API_TOKEN = Variable(
    "CONTROL_PLANE_API_TOKEN",
    parse_break_glass_token,
    "Break-glass token with every scope, of 32 characters or more. Each use is audited. Without a value "
    "there is no such token.",
    is_secret=True,
)
CONTROL_PLANE_ALLOW_INSECURE_COOKIES = Variable(
    "CONTROL_PLANE_ALLOW_INSECURE_COOKIES",
    parse_boolean,
    "Whether operators may log in by cookie over plain HTTP from other machines. Production refuses `true`.",
    "false",
)
CONTROL_PLANE_OPERATOR_SESSION_TTL_SECONDS = Variable(
    "CONTROL_PLANE_OPERATOR_SESSION_TTL_SECONDS",
    parse_seconds(most=timedelta(days=90)),
    "Maximum life of an operator's session in seconds. Renewal does not extend it.",
    "604800",
)
CONTROL_PLANE_OPERATOR_LOGIN_MAX_FAILURES = Variable(
    "CONTROL_PLANE_OPERATOR_LOGIN_MAX_FAILURES",
    whole_number(1, 1000),
    "Number of wrong passwords that locks an operator's password login.",
    "5",
)
CONTROL_PLANE_OPERATOR_LOGIN_LOCKOUT_SECONDS = Variable(
    "CONTROL_PLANE_OPERATOR_LOGIN_LOCKOUT_SECONDS",
    parse_seconds(most=timedelta(days=1)),
    "How long password login stays locked after too many failures, in seconds.",
    "900",
)

MAIL_SERVICE_MODE = Variable(
    "AUTHSESSION_MAIL_SERVICE_MODE",
    OneOf(("stub", "rest", "smtp", "connection")),
    "How mail leaves. `stub` is a mailbox for development, `rest` a mail service, `smtp` a mail server. `connection` "
    "is the default mail connection, which operators change over the API without a restart.",
    "stub",
)
MAIL_SERVICE_BASE_URL = Variable(
    "AUTHSESSION_MAIL_SERVICE_BASE_URL",
    parse_base_url,
    "URL of the mail service. Required when `AUTHSESSION_MAIL_SERVICE_MODE` is `rest`.",
)
MAIL_SERVICE_REQUEST_TIMEOUT = Variable(
    "AUTHSESSION_MAIL_SERVICE_REQUEST_TIMEOUT",
    parse_mail_timeout,
    "Time limit for handing one mail to the mail service, at most `1m`.",
    "1s",
)
MAIL_CONCURRENCY = Variable(
    "AUTHSESSION_MAIL_CONCURRENCY",
    whole_number(2, 500),
    "Maximum number of mails that one process hands over at once. Retries use at most half of them.",
    "20",
)
SMTP_ADDR = Variable(
    "AUTHSESSION_SMTP_ADDR",
    parse_mail_server_address,
    "Address of the mail server, `host:port`. Required when `AUTHSESSION_MAIL_SERVICE_MODE` is `smtp`.",
)
SMTP_TLS = Variable(
    "AUTHSESSION_SMTP_TLS",
    OneOf(("starttls", "implicit", "off")),
    "Encryption of the connection to the mail server. `starttls` usually uses port 587; `implicit` starts "
    "TLS at the first byte, usually on port 465; production refuses `off`. The authorities of "
    "`SSL_CERT_FILE`, or else of the system, verify the server's certificate.",
    "starttls",
)
SMTP_USERNAME = Variable(
    "AUTHSESSION_SMTP_USERNAME",
    parse_text,
    "User name at the mail server. Without a value the process does not log in there.",
)
SMTP_PASSWORD = Variable("AUTHSESSION_SMTP_PASSWORD", parse_text, "Password at the mail server.", is_secret=True)
SMTP_FROM = Variable(
    "AUTHSESSION_SMTP_FROM",
    parse_mail_sender,
    "Sender of the letters, `login@example.com` or `Example <login@example.com>`. Required when "
    "`AUTHSESSION_MAIL_SERVICE_MODE` is `smtp`.",
)
MAIL_PRODUCT_NAME = Variable(
    "AUTHSESSION_MAIL_PRODUCT_NAME",
    parse_product_name,
    "Name of your product in the letters that `smtp` sends. Without a value it is the display name in "
    "`AUTHSESSION_SMTP_FROM`, or else its domain.",
)
MAIL_TEMPLATES = Variable(
    "AUTHSESSION_MAIL_TEMPLATES",
    parse_text,
    "Folder with your own templates and wordings for the letters that `smtp` sends.",
)
SMTP_TIMEOUT = Variable(
    "AUTHSESSION_SMTP_TIMEOUT",
    parse_mail_timeout,
    "Time limit for handing one mail to the mail server, connecting included, at most `1m`.",
    "10s",
)
USER_SERVICE_MODE = Variable(
    "AUTHSESSION_USER_SERVICE_MODE",
    OneOf(("stub", "rest")),
    "Where users live. `stub` keeps them in this product's Postgres, `rest` in a user service of yours.",
    "stub",
)
USER_SERVICE_BASE_URL = Variable(
    "AUTHSESSION_USER_SERVICE_BASE_URL",
    parse_base_url,
    "URL of the user service. Required when `AUTHSESSION_USER_SERVICE_MODE` is `rest`.",
)
USER_SERVICE_REQUEST_TIMEOUT = Variable(
    "AUTHSESSION_USER_SERVICE_REQUEST_TIMEOUT",
    parse_user_service_timeout,
    "Time limit for one call of the user service, at most `4s`.",
    "1s",
)

EGRESS_ALLOW = Variable(
    "AUTHSESSION_EGRESS_ALLOW",
    parse_networks,
    "Networks that connections may use although they are not public, as a comma-separated CIDR list. Loopback works "
    "only in development. A cloud's metadata service stays closed.",
    "",
)
EGRESS_PROXY = Variable(
    "AUTHSESSION_EGRESS_PROXY",
    parse_egress_proxy,
    "Proxy through which all calls to connections leave, by `CONNECT`: `http://host:port`. That proxy then resolves "
    "names, and judges the addresses.",
)

SEND_RATE_LIMIT = Variable(
    "AUTHSESSION_SEND_RATE_LIMIT",
    parse_rate,
    "Maximum rate of `send-email-code` calls from one network, or `off`.",
    "60/1m",
)
CONFIRM_RATE_LIMIT = Variable(
    "AUTHSESSION_CONFIRM_RATE_LIMIT",
    parse_rate,
    "Maximum rate of `confirm-email-code` calls from one network, or `off`.",
    "120/1m",
)
SELF_SERVICE_RATE_LIMIT = Variable(
    "AUTHSESSION_SELF_SERVICE_RATE_LIMIT",
    parse_rate,
    "Maximum rate of self-service calls of one device session, or `off`. One network may make ten times as many.",
    "60/1m",
)
PUBLIC_RATE_LIMIT = Variable(
    "AUTHSESSION_PUBLIC_RATE_LIMIT",
    parse_rate,
    "Maximum rate of public API calls from all networks together, or `off`.",
    "off",
)
NEW_ADDRESS_MAIL_LIMIT = Variable(
    "AUTHSESSION_NEW_ADDRESS_MAIL_LIMIT",
    parse_rate,
    "Maximum rate of sends from one network to addresses that never logged in from it, or `off`. Beyond it, "
    "addresses that never logged in at all get no mail. Without a value it is `off` in development and "
    "`300/1h` in production.",
)
BUDGET_MAILS_PER_HOUR = Variable(
    "AUTHSESSION_BUDGET_MAILS_PER_HOUR",
    parse_budget,
    f"Login mails to one mailbox in an hour, as {_BUDGET}. `anna@` and `anna+…@` are one mailbox.",
    "10/3/2",
)
BUDGET_MAILS_PER_DAY = Variable(
    "AUTHSESSION_BUDGET_MAILS_PER_DAY",
    parse_budget,
    f"Login mails to one mailbox in 24 hours, as {_BUDGET}. `anna@` and `anna+…@` are one mailbox.",
    "28/6/4",
)
BUDGET_LIVE_CHALLENGES = Variable(
    "AUTHSESSION_BUDGET_LIVE_CHALLENGES",
    parse_budget,
    f"Live challenges of one login code, as {_BUDGET}. Each challenge reserves five wrong codes.",
    "20/2/4",
)
BUDGET_WRONG_CODES = Variable(
    "AUTHSESSION_BUDGET_WRONG_CODES",
    parse_budget,
    f"Wrong codes for one address in 24 hours, as {_BUDGET}.",
    "100/20/20",
)
RATE_LIMIT_KEY_PREFIX = Variable(
    "AUTHSESSION_RATE_LIMIT_KEY_PREFIX",
    parse_text,
    "Prefix of the Redis keys that hold rate limits.",
    "authsession:rate:",
)

GATEWAY_KEY_PREFIX = Variable(
    "AUTHSESSION_GATEWAY_KEY_PREFIX",
    parse_text,
    "Prefix of the Redis keys that hold session records.",
    "gateway:session:",
)
GATEWAY_STREAM = Variable(
    "AUTHSESSION_GATEWAY_STREAM", parse_text, "Redis key of the stream of session events.", "gateway:session_events"
)
GATEWAY_STREAM_MAXLEN = Variable(
    "AUTHSESSION_GATEWAY_STREAM_MAXLEN",
    whole_number(1, 100_000_000),
    "Approximate number of events that the stream keeps.",
    "100000",
)

DRAIN_DELAY = Variable(
    "AUTHSESSION_DRAIN_DELAY",
    parse_duration,
    "How long a process still accepts requests after SIGTERM. `/readyz` answers 503 during this time.",
    "5s",
)
SHUTDOWN_TIMEOUT = Variable(
    "AUTHSESSION_SHUTDOWN_TIMEOUT",
    parse_positive_duration,
    "How long running requests may take to finish after the drain delay.",
    "10s",
)

VARIABLES = tuple(cast(Variable[object], value) for value in globals().copy().values() if isinstance(value, Variable))
