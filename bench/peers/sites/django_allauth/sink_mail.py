"""A mail backend that hands the code of each mail to a datagram socket."""

import os
import re
import socket
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

_CODE = re.compile(r"^[A-Z0-9][A-Z0-9-]{4,}$", re.MULTILINE)  # alone on its line in allauth's templates
_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
_sink = ("127.0.0.1", int(os.environ["SINK_PORT"]))


class SinkBackend(BaseEmailBackend):
    """Sends `address`, line feed, code; a mail without a code has an empty one."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            found = _CODE.search(message.body)
            code = found.group() if found else ""
            _socket.sendto(f"{message.to[0]}\n{code}".encode(), _sink)
        return len(email_messages)
