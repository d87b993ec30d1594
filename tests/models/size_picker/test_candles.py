import numpy as np

from models.size_picker.candles import candles, windows
from models.size_picker.form import FEATURES


def test_a_candle_by_hand() -> None:
    bars = np.array([[0, 0, 0, 100.0], [100.0, 104.0, 98.0, 102.0], [102.0, 103.0, 99.0, 100.0]])
    found = {name: candles(bars)[:, n] for n, name in enumerate(FEATURES)}
    assert np.allclose(found["log_return"], [np.log(1.02), np.log(100 / 102)], rtol=1e-6)
    assert np.allclose(found["range"], [6 / 102, 0.04], rtol=1e-6)
    assert np.allclose(found["body"], [2 / 102, 0.02], rtol=1e-6)
    assert np.allclose(found["upper_wick"], [2 / 102, 0.01], rtol=1e-6)
    assert np.allclose(found["lower_wick"], [2 / 102, 0.01], rtol=1e-6)


def test_a_window_ends_with_its_bar_and_is_the_same_cut_out_alone() -> None:
    close = 2_000 * np.exp(np.cumsum(np.random.default_rng(1).normal(scale=1e-3, size=200)))
    bars = np.stack([close * 1.001, close * 1.003, close * 0.997, close], axis=-1)
    found = windows(bars, np.array([32, 150, 199]))
    assert found.shape == (3, 32, 5)
    assert (found[1] == candles(bars[150 - 32 : 151])).all()
    assert (found[0] == candles(bars[:33])).all()
    assert (found[2] == candles(bars)[-32:]).all()
