"""What is revised is what `replace` gives."""

from dataclasses import dataclass, field, replace

import pytest

from gamma.revision import revised


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some fields, one made for each record."""

    number: int
    text: str = "empty"
    notes: dict[str, int] = field(default_factory=dict)


def test_the_fields_that_are_named_change_and_the_others_are_the_same_objects() -> None:
    page = Page(number=1, notes={"a": 1})
    changed = revised(page, number=2, text="full")
    assert changed == replace(page, number=2, text="full")
    assert changed.notes is page.notes
    assert page == Page(number=1, notes={"a": 1})
    assert revised(page) == page


def test_a_change_of_one_leaves_the_other() -> None:
    page = Page(number=1)
    assert (revised(page).number, revised(revised(page), number=2), page.number) == (1, Page(number=2), 1)


def test_a_field_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="Page has no pages"):
        revised(Page(number=1), number=2, pages=3)
