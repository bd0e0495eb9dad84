"""Ids of users, which the product or a user service makes."""

import re

_USER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:|-]{0,127}", re.ASCII)


def is_user_id(text: str) -> bool:
    """Whether the text is a user id: 1 to 128 of A-Z, a-z, 0-9 and `._~:|-`, starting with a letter or digit.

    No character needs escaping in a path or a Redis key. `@` is excluded, because ids appear where e-mails must not.
    """
    return _USER_ID.fullmatch(text) is not None
