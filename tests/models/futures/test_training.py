"""A training run: its folder, that it goes on as it went, and that it stops where it must."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from gamma.cli.init import example
from gamma.errors import ConfigInvalid, InputInvalid
from models import checkpoints, resume, runs
from models.checkpoints import Tensors
from models.futures.orders import program_of
from tests.models.futures.training_case import UPDATE, files_of, order, trained

set_option: Callable[[str, Any], None] = jax.config.update
KILLS = int(os.environ.get("GAMMA_TEST_KILLS", "1"))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs that are alike are compiled once, in this process and in those that it starts."""
    folder = str(tmp_path_factory.getbasetemp().parent / "compiled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", folder)
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
        set_option("jax_compilation_cache_dir", folder)
        set_option("jax_persistent_cache_min_compile_time_secs", 0.5)
        yield
        set_option("jax_compilation_cache_dir", None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    trained(order(out))
    return out


def metrics_of(folder: Path) -> list[dict[str, float]]:
    return [{k: v for k, v in line.items() if k != "steps_per_s"} for line in runs.metrics(folder)]


def equal(one: Path, other: Path) -> None:
    assert files_of(one) == files_of(other)
    assert metrics_of(one) == metrics_of(other)


def test_a_run_has_a_checkpoint_each_so_many_updates_and_a_line_each_update(whole: Path) -> None:
    assert sorted(one.name for one in (whole / "checkpoints").iterdir()) == ["0001", "0002", "0003"]
    assert [line["steps"] for line in runs.metrics(whole)] == [UPDATE, 2 * UPDATE, 3 * UPDATE]
    made = checkpoints.load(whole / "checkpoints/0002", pinned_sha256=None).card
    assert (made.markets, made.training.steps, made.training.seed) == (("MNQ",), 2 * UPDATE, 1)
    assert made.paper_only
    assert made.training.bars[0].name == "simulator MNQ seed 1, 300 s"


def test_a_run_that_is_stopped_goes_on_bit_for_bit(whole: Path, tmp_path: Path) -> None:
    trained(order(tmp_path / "run", checkpoint_updates=5), stop_after=2)
    told = trained(order(tmp_path / "run", checkpoint_updates=5, resume=True))
    assert [one.steps for one in told] == [3 * UPDATE]
    assert metrics_of(tmp_path / "run") == metrics_of(whole)
    last = "checkpoints/0003/policy.safetensors"
    assert (tmp_path / "run" / last).read_bytes() == (whole / last).read_bytes()
    assert trained(order(tmp_path / "run", checkpoint_updates=5, resume=True)) == []


def test_a_run_that_is_killed_at_any_time_goes_on_bit_for_bit(whole: Path, tmp_path: Path) -> None:
    rng = random.Random(7)
    for kill in range(KILLS):
        folder = tmp_path / str(kill)
        folder.mkdir()
        program = f"from tests.models.futures.training_case import *; trained(order(Path({str(folder / 'run')!r})))"
        process = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[3])
        metrics = folder / "run/metrics.jsonl"
        while process.poll() is None and not metrics.exists():
            time.sleep(0.01)
        time.sleep(rng.random())
        process.send_signal(signal.SIGKILL)
        process.wait()
        trained(order(folder / "run", resume=True))
        equal(folder / "run", whole)


def test_other_code_bars_or_configuration_are_refused(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    same_as: dict[str, Any] = runs.told_of(tmp_path / "run")["same"]
    for name, other in (("code", "00"), ("bars", {"MNQ": []}), ("configuration", "00")):
        with pytest.raises(ConfigInvalid, match=rf"its {name} differ: .*begin anew with --from .*checkpoints/0003"):
            runs.check_same(tmp_path / "run", same_as | {name: other})
    with pytest.raises(ConfigInvalid, match="its steps differ"):
        trained(order(tmp_path / "run", resume=True, steps=4 * UPDATE))
    with pytest.raises(InputInvalid, match="is there already; go on with it"):
        trained(order(tmp_path / "run"))


def test_a_state_that_is_spoilt_is_refused(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    path = tmp_path / "run" / runs.RESUME
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ConfigInvalid, match="is not as it was written"):
        trained(order(tmp_path / "run", resume=True))
    path.write_bytes(content[:1000])
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        trained(order(tmp_path / "run", resume=True))


def test_weights_that_are_no_numbers_stop_the_run_and_keep_what_was_good(tmp_path: Path) -> None:
    trained(order(tmp_path / "run"), stop_after=2)
    path = tmp_path / "run" / runs.RESUME
    train, done = resume.load(path, jax.device_get(program_of(order(tmp_path / "other")).begin()))
    train.weights["value.w"][0] = np.nan
    resume.save(path, train, done)
    before = files_of(tmp_path / "run")
    with pytest.raises(InputInvalid, match=r"are no numbers any more; .*last good checkpoint is .*checkpoints/0002"):
        trained(order(tmp_path / "run", resume=True))
    assert files_of(tmp_path / "run") == before
    assert len(runs.metrics(tmp_path / "run")) == 2


def test_a_checkpoint_is_never_overwritten(whole: Path, tmp_path: Path) -> None:
    made = checkpoints.load(whole / "checkpoints/0001", pinned_sha256=None)
    shutil.copytree(whole, tmp_path / "run")
    other = {name: tensor + 1 for name, tensor in made.tensors.items()}

    def written(tensors: Tensors) -> runs.Written:
        return runs.Written(
            tensors=tensors,
            save=lambda to: checkpoints.save(to, tensors, made.card),
            load=lambda lies: checkpoints.load(lies, pinned_sha256=None).tensors,
        )

    with pytest.raises(InputInvalid, match="a checkpoint is not overwritten"):
        runs.keep(tmp_path / "run", 1, written(other))
    assert runs.keep(tmp_path / "run", 1, written(made.tensors)) == tmp_path / "run/checkpoints/0001"


def test_phase_two_begins_with_phase_ones_weights(tmp_path: Path) -> None:
    trained(order(tmp_path / "one", phase=1, steps=UPDATE))
    start = tmp_path / "one/checkpoints/0001"
    old = checkpoints.load(start, pinned_sha256=None)
    trained(order(tmp_path / "two", steps=UPDATE, begin_from=str(start)), stop_after=1)
    card = checkpoints.load(tmp_path / "two/checkpoints/0001", pinned_sha256=None).card
    assert card.training.began_from_sha256 == old.sha256
    assert [bars.name for bars in card.training.bars] == ["simulator MNQ seed 1, 300 s"]
    with pytest.raises(ConfigInvalid, match=r"it is shown 1 bars, and this run shows 2; train with --window 1"):
        trained(order(tmp_path / "three", begin_from=str(start), window=2))
    assert not (tmp_path / "three").exists()


def test_seeds_side_by_side_are_what_each_is_alone(whole: Path, tmp_path: Path) -> None:
    told = trained(order(tmp_path / "run", seeds=(1, 2), checkpoint_updates=3))
    assert [one.seed for one in told] == [1, 2] * 3
    alone, beside = metrics_of(whole), metrics_of(tmp_path / "run/seed-1")
    for one, other in zip(alone, beside, strict=True):
        assert other == pytest.approx(one, rel=0.05, abs=0.02)
    assert metrics_of(tmp_path / "run/seed-2") != beside
    cards = [checkpoints.load(tmp_path / f"run/seed-{n}/checkpoints/0003", pinned_sha256=None).card for n in (1, 2)]
    assert [card.training.seed for card in cards] == [1, 2]


def test_all_eight_markets_are_learned_in_one_run(tmp_path: Path) -> None:
    markets = ("ES", "MES", "NQ", "MNQ", "YM", "MYM", "RTY", "M2K")
    roomy = {"50_000": "500_000", "= 10_000": "= 100_000", "max_loss_usd = 500": "max_loss_usd = 2_000"}
    (tmp_path / "config.toml").write_text(reduce(lambda text, pair: text.replace(*pair), roomy.items(), example()))
    told = trained(order(tmp_path / "run", markets=markets, steps=UPDATE, days=4))
    assert checkpoints.load(tmp_path / "run/checkpoints/0001", pinned_sha256=None).card.markets == markets
    assert all(told[-1].figures[f"return_usd_{symbol.lower()}"] != 0 for symbol in markets)


def test_a_market_in_which_the_sizers_never_give_a_lot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=r"NQ: its sizers give 0 lots at every bar"):
        trained(order(tmp_path / "run", markets=("MNQ", "NQ")))
    assert not (tmp_path / "run").exists()


def test_devices_together_train_as_one_does(whole: Path, tmp_path: Path) -> None:
    program = (
        "from tests.models.futures.training_case import *; import jax; assert jax.device_count() == 1;"
        f"trained(order(Path({str(tmp_path / 'run')!r})), stop_after=2)"
    )
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=1"}
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], env=os.environ | flags, check=True)
    # What follows the first update differs a little: a device shuffles its own environments.
    for one, other, share in zip(metrics_of(whole), metrics_of(tmp_path / "run"), (0.05, 0.2), strict=False):
        assert other == pytest.approx(one, rel=share, abs=0.02)
    told = json.loads((tmp_path / "run/run.json").read_text())
    assert told["same"]["machine"].endswith("1 x cpu")


def test_what_is_told_is_of_the_update(whole: Path) -> None:
    for line in runs.metrics(whole):
        mix = [line[f"{name}_frac"] for name in ("hold", "buy", "sell", "sl_to_be", "trail_on", "trail_off")]
        assert sum(mix) == pytest.approx(1)
        assert 0 < line["drawdown_max_usd"] < 50_000
