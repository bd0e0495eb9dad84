"""The table that a reviewer reads to see who may use which route is the one that the guard applies."""

from docs.generate import access_table


def test_the_table_of_access_is_what_the_routes_declare() -> None:
    written = access_table.PATH.read_text("utf-8")
    assert written == access_table.text(), "a route changed; look at the difference and run: python -m docs.generate"
