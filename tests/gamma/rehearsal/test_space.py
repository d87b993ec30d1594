"""Where a search looks, as a person writes it."""

from pathlib import Path

import pytest

from gamma.errors import InputInvalid
from gamma.rehearsal.space import Vary, grid, parse, read


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a.b=20:200:20", Vary(path="a.b", low=20, high=200, step=20, whole=True)),
        ("a.b=1:9", Vary(path="a.b", low=1, high=9, step=1, whole=True)),
        ("a.b=0.5:2", Vary(path="a.b", low=0.5, high=2)),
        ("a.b=0.001:1.0:log", Vary(path="a.b", low=0.001, high=1, log=True)),
        ("a.b=1,2.5,fast,true", Vary(path="a.b", choices=(1, 2.5, "fast", True))),
    ],
)
def test_a_setting_is_read_from_the_command_line(text: str, wanted: Vary) -> None:
    assert parse(text) == wanted


@pytest.mark.parametrize("text", ["a.b", "=1:2", "a=", "a=2:1", "a=1:2:3:4", "a=x:2", "a=0:1:log", "a=1:2:-1"])
def test_what_is_no_range_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(InputInvalid, match=r"--vary|no range"):
        parse(text)


def test_a_file_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text(
        '[vary]\n"a.b" = [20, 55]\n"a.c" = { low = 1, high = 3 }\n"a.d" = { low = 0.1, high = 1.0, log = true }\n'
    )
    assert read(file) == [
        Vary(path="a.b", choices=(20, 55)),
        parse("a.c=1:3"),
        Vary(path="a.d", low=0.1, high=1.0, log=True),
    ]


@pytest.mark.parametrize("text", ["", "[vary]\n", "[vary]\na = 3\n", "[vary]\na = { low = 1 }\n", "[vary\n"])
def test_a_file_without_a_space_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "space.toml"
    file.write_text(text)
    with pytest.raises(InputInvalid):
        read(file)
    with pytest.raises(InputInvalid, match="no search space"):
        read(tmp_path / "nothing.toml")


def test_a_grid_has_every_combination() -> None:
    found = grid([parse("a=1:3"), parse("b=0.5:1.0:0.25")])
    assert len(found) == 9
    assert found[0] == {"a": 1, "b": 0.5}
    assert found[-1] == {"a": 3, "b": 1.0}
    with pytest.raises(InputInvalid, match="needs a step"):
        grid([parse("a=0.5:2")])
