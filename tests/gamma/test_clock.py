from gamma.clock import MACHINE, NS, Steady

HOUR = 3_600 * NS


class Set:
    """Clocks that a test sets."""

    def __init__(self) -> None:
        self.wall, self.monotonic = 1_700_000_000 * NS, 5 * NS

    def wall_ns(self) -> int:
        return self.wall

    def monotonic_ns(self) -> int:
        return self.monotonic


def test_time_goes_on_with_the_monotonic_clock() -> None:
    clock = Set()
    time = Steady(clock)
    clock.monotonic += 90 * NS
    clock.wall += 90 * NS
    assert (time.now_ns(), time.elapsed_s(), time.offset_s()) == (1_700_000_090 * NS, 90.0, 0.0)


def test_a_clock_that_is_set_moves_no_deadline_and_shows_how_far_it_went() -> None:
    clock = Set()
    time = Steady(clock)
    before = time.now_ns()
    clock.wall -= HOUR
    assert (time.now_ns(), time.offset_s()) == (before, -3600.0)
    clock.wall += 2 * HOUR
    assert (time.now_ns(), time.offset_s()) == (before, 3600.0)


def test_a_clock_that_is_behind_what_has_happened_goes_on_at_half_its_speed_until_that_is_past() -> None:
    clock = Set()
    time = Steady(clock)
    happened = clock.wall + HOUR
    time.know_past(happened)
    time.know_past(happened - 1)
    assert (time.now_ns(), time.offset_s(), time.set_s()) == (happened, -3600.0, 0.0)
    clock.wall, clock.monotonic = clock.wall + 60 * NS, clock.monotonic + 60 * NS
    assert (time.now_ns(), time.offset_s(), time.set_s()) == (happened + 30 * NS, -3570.0, 0.0)
    clock.wall, clock.monotonic = clock.wall + 2 * HOUR, clock.monotonic + 2 * HOUR
    assert (time.now_ns(), time.offset_s(), time.set_s()) == (clock.wall, 0.0, 0.0)


def test_the_machine_has_both_clocks() -> None:
    time = Steady(MACHINE)
    first = time.now_ns()
    assert first <= time.now_ns()
    assert abs(time.offset_s()) < 60
