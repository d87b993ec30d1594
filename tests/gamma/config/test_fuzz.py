"""Whatever stands in the file or the environment: a config, or ConfigInvalid with a sentence, and nothing else."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma.config import load
from gamma.errors import ConfigInvalid

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"
PARTS = st.sampled_from(
    [
        *("GAMMA", "ACCOUNT", "FEED", "STRATEGIES", "SIZERS", "GUARDS", "MARKETS", "ALERTS", "PATHS", "0", "1", "9"),
        *("MNQ", "mnq", "NAME", "MODE", "SEED", "SPEED", "FILES", "SIGNAL", "USE", "EXITS", "PAPER", "SAFETY_HALT", ""),
    ]
)
VALUES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    st.sampled_from(["1", "-1", "nan", "inf", "1e400", "true", "[]", "[1]", "{}", "{ a = 1 }", "2026-03-02", '"x"']),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@given(overrides=st.lists(st.tuples(st.lists(PARTS, min_size=1, max_size=4), VALUES), max_size=3))
def test_any_override_gives_a_config_or_a_sentence(overrides: list[tuple[list[str], str]]) -> None:
    env = {f"GAMMA__{'__'.join(parts)}": value for parts, value in overrides}
    with contextlib.suppress(ConfigInvalid):
        load(EXAMPLE, env)


@given(text=st.binary(max_size=200))
def test_any_file_gives_a_config_or_a_sentence(folder: Path, text: bytes) -> None:
    path = folder / "config.toml"
    path.write_bytes(text)
    with pytest.raises(ConfigInvalid):
        load(path, {})


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    )
)
def test_any_value_at_any_place_gives_a_config_or_a_sentence(value: object) -> None:
    text = json.dumps(value)
    for name in ("GAMMA__ACCOUNT__OVERRIDES", "GAMMA__SIZERS__X", "GAMMA__STRATEGIES__0__SIGNAL", "GAMMA__FEED__FILES"):
        for env in ({name: text}, {f"{name}__A": text}):
            with contextlib.suppress(ConfigInvalid):
                load(EXAMPLE, env)
