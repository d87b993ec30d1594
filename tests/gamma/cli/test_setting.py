import re
from pathlib import Path

import pytest

from gamma.cli.setting import configured
from gamma.config import settings
from gamma.errors import InputInvalid

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"


def test_an_option_stands_above_the_file_and_says_so() -> None:
    found = settings(configured(EXAMPLE, mode="paper", speed="max", skip_bad=True))
    assert found["gamma.mode"] == ("paper", "command line")
    assert found["feed.speed"] == ("max", "command line")
    assert found["feed.skip_bad"] == (True, "command line")


def test_recorded_bars_take_the_place_of_the_feed_and_leave_the_other_strategies_out() -> None:
    config = configured(EXAMPLE, feed=["MES=bars.csv"])
    assert [(s.name, s.market) for s in config.strategies] == [("mes", "MES")]
    assert config.strategies[0].guards == configured(EXAMPLE).strategies[1].guards
    assert settings(config)["strategies.0.market"] == ("MES", "command line")
    assert configured(EXAMPLE, feed=["bars.csv"]).feed.files[0].market == "MNQ"


def test_a_strategys_secret_survives_the_options(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.touch(0o600)
    path.write_text(re.sub(r"signal = .*", 'signal = { use = "webhook", key = "canary" }', EXAMPLE.read_text()))
    config = configured(path, feed=["MES=bars.csv"])
    assert config.strategies[0].signal["key"].get_secret_value() == "canary"
    assert "canary" not in repr(config)


@pytest.mark.parametrize(
    ("feed", "speed", "said"),
    [(["NQ=bars.csv"], "", "which no strategy trades; traded: MES, MNQ"), ([], "fast", "--speed")],
)
def test_an_option_that_makes_no_sense_is_named(feed: list[str], speed: str, said: str) -> None:
    with pytest.raises(InputInvalid, match=said):
        configured(EXAMPLE, feed=feed, speed=speed)
