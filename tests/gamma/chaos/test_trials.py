"""Trials in several processes: in the order of their seeds, and nothing is left lying about."""

from pathlib import Path

from gamma.chaos import Trial, trials
from gamma.chaos.places import kept_folder


def with_a_folder(seed: int) -> Trial:
    folder = kept_folder()
    for number in range(500):  # to clear it away takes a while
        (folder / str(number)).touch()
    return Trial(seed=seed, counts={str(folder): 1})


def test_processes_clear_away_the_folders_that_they_kept() -> None:
    made = list(trials(with_a_folder, range(4), jobs=2, at_a_time=1))
    assert [trial.seed for trial in made] == [0, 1, 2, 3]
    assert [folder for trial in made for folder in trial.counts if Path(folder).exists()] == []
