"""Laws of pages. Pure."""

from services.internal_admin.callers.page import Page, cut_page


def test_a_page_holds_at_most_its_limit_and_says_that_more_follow() -> None:
    assert cut_page([1, 2, 3], 2) == Page((1, 2), has_more=True)


def test_the_last_page_says_that_nothing_follows_even_when_it_is_full() -> None:
    assert cut_page([1, 2], 2) == Page((1, 2), has_more=False)


def test_without_a_limit_the_page_is_the_whole_list() -> None:
    assert cut_page([1, 2, 3], None) == Page((1, 2, 3), has_more=False)
