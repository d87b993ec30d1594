"""Published results, made again by `gamma.stats`: python benchmarks/published.py FOLDER prints the table.

FOLDER holds trade lists and return series with the figures that their authors published. A row is a figure, what was
published, what we make of the same numbers, and the reason where the two differ by more than the published rounding.
"""

import csv
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from benchmarks._published import DAY_NS, Row, by_month, column, nanoseconds, percent, reference, table
from gamma import stats


def rows(folder: Path) -> list[Row]:
    """All rows, source by source."""
    makers: Sequence[Callable[[Path], Iterator[Row]]] = (goog, fixtures, tradingview, ironflies, setups, fund)
    return [row for make in makers for row in make(folder)]


def goog(folder: Path) -> Iterator[Row]:
    """A moving-average cross on GOOG, by backtesting.py."""
    said = reference(folder)["backtesting.py"]["expected"]
    trades = table(folder / "backtestingpy_GOOG_smacross_trades.csv")
    path = table(folder / "backtestingpy_GOOG_smacross_equity.csv.gz")
    pnl, share = column(trades, "PnL"), column(trades, "ReturnPct")
    equity = column(path, "Equity")
    ts = np.array([nanoseconds(row[next(iter(row))]) for row in path], dtype=np.int64)
    daily = stats.returns_of_values(equity)
    fell = stats.falls(equity, ts)
    payoff, won = stats.payoff_ratio(pnl), stats.win_rate(pnl)
    growth, years = 1 + stats.growth_annual(daily, 1), (ts[-1] - ts[0]) / DAY_NS / 365.25
    theirs = math.sqrt((daily.var(ddof=1) + growth**2) ** 252 - growth ** (2 * 252))
    spread = "theirs is the spread of compounded yearly growth, ours std * sqrt(252)"
    found: dict[str, tuple[float, str]] = {
        "# Trades": (len(trades), ""),
        "Equity Final [$]": (equity[-1], ""),
        "Equity Peak [$]": (equity.max(), ""),
        "Return [%]": (100 * stats.growth(daily), ""),
        "Return (Ann.) [%]": (100 * stats.growth_annual(daily, 252), ""),
        "CAGR [%]": (
            100 * stats.growth_annual(daily, 252),
            "theirs goes by calendar days, ours by 252 sessions a year",
        ),
        "Volatility (Ann.) [%]": (100 * stats.volatility_annual(daily, 252), spread),
        "Volatility (Ann.) [%] (of compounded years)": (100 * theirs, ""),
        "CAGR [%] (of calendar years)": (100 * ((1 + stats.growth(daily)) ** (1 / years) - 1), ""),
        "Sharpe Ratio (of compounded years)": (stats.growth_annual(daily, 252) / theirs, ""),
        "Sharpe Ratio": (stats.return_over_volatility(daily, 252), f"return over volatility; {spread}"),
        "Sharpe Ratio (ours)": (
            stats.sharpe_annual(daily, 252),
            "ours is mean over deviation of the daily returns, which do not compound",
        ),
        "Sortino Ratio": (
            stats.growth_annual(daily, 252) / stats.downside_annual(daily, 252),
            "",
        ),
        "Sortino Ratio (ours)": (stats.sortino_annual(daily, 252), "ours has the mean return above, not the growth"),
        "Calmar Ratio": (stats.calmar(daily, 252), ""),
        "Max. Drawdown [%]": (-100 * fell.depth_max_frac, ""),
        "Avg. Drawdown [%]": (-100 * fell.depth_mean_frac, ""),
        "Max. Drawdown Duration days": (fell.longest_days, ""),
        "Win Rate [%]": (100 * won, ""),
        "Profit Factor": (stats.profit_factor(share), ""),
        "Profit Factor (of P&L)": (stats.profit_factor(pnl), "theirs is of the trades' returns, ours of their P&L"),
        "Expectancy [%]": (100 * stats.mean(share), ""),
        "Avg. Trade [%]": (100 * stats.growth_annual(share, 1), ""),
        "Best Trade [%]": (100 * share.max(), ""),
        "Worst Trade [%]": (100 * share.min(), ""),
        "SQN": (stats.sharpe_per_period(pnl) * math.sqrt(len(pnl)), ""),
        "Kelly Criterion": (won - (1 - won) / payoff, ""),
    }
    for name, (ours, reason) in found.items():
        published = said[name.split(" (o")[0]]
        yield Row(source="backtesting.py", figure=name, published=published, ours=ours, digits=9, reason=reason)


def fixtures(folder: Path) -> Iterator[Row]:
    """The return series by which empyrical tests itself."""
    told = reference(folder)["empyrical"]
    series, said = told["series"], told["expected"]
    mixed = np.array(
        [value for value in series["mixed_returns (daily from 2000-01-30, first is NaN)"] if value is not None]
    )
    negative, positive = np.array(series["negative_returns"]), np.array(series["positive_returns"])
    slow = np.array(series["weekly/monthly_returns"])
    simple = np.array(series["simple_benchmark"])
    led = "they count the NaN that leads the series as a day: 9, and we 8"
    tails = np.array([1.0, 81.0, 82.0, 83.0, 84.0, 85.0])
    found: list[tuple[str, float, float, int, str]] = [
        ("growth, mixed", said["cum_returns_final"]["mixed"], stats.growth(mixed), 5, ""),
        ("growth, negative", said["cum_returns_final"]["negative"], stats.growth(negative), 4, ""),
        *(
            (f"drawdown, {name}", said["max_drawdown"][name], -stats.drawdown_of_returns(values), digits, "")
            for name, values, digits in (
                ("mixed", mixed, 9),
                ("negative", negative, 7),
                ("all_negative", np.array(series["all_negative_returns"]), 9),
                ("udu", np.array(series["udu_returns"]), 9),
                ("positive", positive, 9),
            )
        ),
        *(
            (
                f"{what}, {name}",
                said[key][name],
                of(values, periods),
                9,
                led if name == "mixed daily" and what != "volatility" else "",
            )
            for what, key, of in (
                ("growth a year", "annual_return", stats.growth_annual),
                ("volatility", "annual_volatility", stats.volatility_annual),
                ("Calmar", "calmar", stats.calmar),
            )
            for name, values, periods in (("mixed daily", mixed, 252), ("weekly", slow, 52), ("monthly", slow, 12))
        ),
        *(
            (f"Sharpe, {name}", said["sharpe daily"][name], stats.sharpe_annual(values, 252), 9, "")
            for name, values in (("mixed", mixed), ("positive", positive), ("negative", negative))
        ),
        (
            "Sharpe, mixed vs simple_benchmark",
            said["sharpe daily"]["mixed vs simple_benchmark"],
            stats.information_ratio_annual(mixed, simple[1:], 252),
            9,
            "",
        ),
        ("Sortino, mixed", said["sortino daily rr=0"]["mixed"], stats.sortino_annual(mixed, 252), 9, ""),
        ("Sortino, negative", said["sortino daily rr=0"]["negative"], stats.sortino_annual(negative, 252), 9, ""),
        ("Sortino, weekly", said["sortino daily rr=0"]["weekly(WEEKLY)"], stats.sortino_annual(slow, 52), 9, ""),
        ("Sortino, monthly", said["sortino daily rr=0"]["monthly(MONTHLY)"], stats.sortino_annual(slow, 12), 9, ""),
        ("downside, mixed", said["downside_risk"]["mixed daily 0"], stats.downside_annual(mixed, 252), 9, ""),
        ("downside under 0.1", said["downside_risk"]["mixed daily 0.1"], stats.downside_annual(mixed, 252, 0.1), 9, ""),
        ("downside, weekly", said["downside_risk"]["weekly 0"], stats.downside_annual(slow, 52), 9, ""),
        ("downside, monthly", said["downside_risk"]["monthly 0"], stats.downside_annual(slow, 12), 9, ""),
        *(
            (f"VaR {cut}", value, -stats.value_at_risk(tails, 1 - share), 9, "")
            for cut, value, share in (
                ("10%", said["VaR"]["[1,81,82,83,84,85] 10%"], 0.1),
                ("20%", said["VaR"]["20%"], 0.2),
                ("30%", said["VaR"]["30%"], 0.3),
            )
        ),
    ]
    for figure, published, ours, digits, reason in found:
        yield Row(source="empyrical", figure=figure, published=published, ours=ours, digits=digits, reason=reason)


def tradingview(folder: Path) -> Iterator[Row]:
    """Two reports of strategies in MNQ, 2025."""
    for name in ("tv0", "tv1"):
        said = json.loads((folder / f"{name}_published.json").read_text(encoding="utf-8"))
        closed = [
            row
            for row in table(folder / f"{name}_trades.csv.gz")
            if row["Type"].startswith("Exit") and row["Signal"] != "Open"
        ]
        pnl = column(closed, "Net P&L USD")
        won, lost = pnl[pnl > 0], pnl[pnl < 0]
        ended = table(folder / f"{name}_trades.csv.gz")
        with_open = [row for row in ended if row["Type"].startswith("Exit")]
        months = [sum(row) for row in by_month(with_open, column(with_open, "Net P&L USD"))]
        monthly = stats.returns_of_values(100_000.0 + np.concatenate(([0.0], np.cumsum(months))))
        path = np.concatenate(([100_000.0], 100_000.0 + np.cumsum(pnl)))
        fell = stats.falls(path, np.arange(len(path)))
        later = [one.depth_usd for one in stats.episodes(path) if one.trough > one.peak + 1]
        scale = math.sqrt(len(monthly) / (len(monthly) - 1))
        found: list[tuple[str, str, int, float, int, str]] = [
            ("net profit", "Performance|Net profit", 0, pnl.sum(), 2, ""),
            ("gross profit", "Performance|Gross profit", 0, won.sum(), 2, ""),
            ("gross loss", "Performance|Gross loss", 0, -lost.sum(), 2, ""),
            ("trades", "Trades analysis|Total trades", 0, len(pnl), 0, ""),
            ("winning trades", "Trades analysis|Winning trades", 0, len(won), 0, ""),
            ("losing trades", "Trades analysis|Losing trades", 0, len(lost), 0, ""),
            ("win rate [%]", "Trades analysis|Percent profitable", 1, 100 * stats.win_rate(pnl), 2, ""),
            ("mean P&L", "Trades analysis|Avg P&L", 0, stats.expectancy_usd(pnl), 2, ""),
            ("mean gain", "Trades analysis|Avg winning trade", 0, won.mean(), 2, ""),
            ("mean loss", "Trades analysis|Avg losing trade", 0, -lost.mean(), 2, ""),
            ("payoff ratio", "Trades analysis|Ratio avg win / avg loss", 0, stats.payoff_ratio(pnl), 3, ""),
            ("profit factor", "Risk-adjusted performance|Profit factor", 0, stats.profit_factor(pnl), 3, ""),
            ("drawdown", "Performance|Max equity drawdown (close-to-close)", 0, fell.depth_max_usd, 2, ""),
            (
                "mean drawdown",
                "Performance|Avg equity drawdown (close-to-close)",
                0,
                fell.depth_mean_usd,
                2,
                "theirs leaves out falls that are deepest after one trade",
            ),
            (
                "mean drawdown, without those",
                "Performance|Avg equity drawdown (close-to-close)",
                0,
                stats.mean(later),
                2,
                "",
            ),
            (
                "Sharpe",
                "Risk-adjusted performance|Sharpe ratio",
                0,
                stats.sharpe_per_period(monthly, 0.02 / 12),
                3,
                "theirs divides by N, ours by N - 1; both monthly over 2 % a year, with the open trade",
            ),
            (
                "Sharpe, divided by N",
                "Risk-adjusted performance|Sharpe ratio",
                0,
                stats.sharpe_per_period(monthly, 0.02 / 12) * scale,
                3,
                "",
            ),
            (
                "Sortino",
                "Risk-adjusted performance|Sortino ratio",
                0,
                stats.sortino_annual(monthly, 1, 0.02 / 12),
                3,
                "",
            ),
        ]
        for figure, key, at, ours, digits, reason in found:
            published = said[key][at]
            yield Row(
                source=f"TradingView {name}",
                figure=figure,
                published=published,
                ours=float(ours),
                digits=digits,
                reason=reason,
            )


def ironflies(folder: Path) -> Iterator[Row]:
    """Iron butterflies in SPX that end on the day they begin."""
    said = json.loads((folder / "spx_ibf_ztariff_strategy_stats.json").read_text(encoding="utf-8"))
    trades = table(folder / "spx_ibf_ztariff_strategy_trades.csv.gz")
    for name in sorted({row["ver"] for row in trades} & said.keys()):
        own = [row for row in trades if row["ver"] == name]
        pnl = column(own, "pnl")
        told = said[name]
        before_costs = "theirs counts what won before costs; some of it lost after them"
        whole = "each trade of the list is rounded to a dollar"
        won = np.array([row["is_win"] == "True" for row in own])
        found: dict[str, tuple[str, float, int, str]] = {
            "total_trades": ("total_trades", len(pnl), 0, ""),
            "total_pnl": ("total_pnl", pnl.sum(), 0, whole),
            "win_rate": ("win_rate", 100 * stats.win_rate(pnl), 1, before_costs),
            "win_rate, before costs": ("win_rate", 100 * float(won.mean()), 1, ""),
            "avg_pnl": ("avg_pnl", stats.expectancy_usd(pnl), 0, ""),
            "profit_factor": ("profit_factor", stats.profit_factor(pnl), 2, before_costs),
            "profit_factor, by their wins": ("profit_factor", float(pnl[won].sum() / -pnl[~won].sum()), 2, ""),
            "max_drawdown": ("max_drawdown", stats.drawdown(np.concatenate(([0.0], np.cumsum(pnl)))).depth_usd, 0, ""),
        }
        for figure, (key, ours, digits, reason) in found.items():
            yield Row(
                source=f"iron butterflies {name}",
                figure=figure,
                published=told[key],
                ours=float(ours),
                digits=digits,
                reason=reason,
            )


def setups(folder: Path) -> Iterator[Row]:
    """Three years of trades in MNQ [R], by setup, hour, weekday, regime and outcome."""
    trades = table(folder / "eta_v1_trades_3yr.csv.gz")
    for kind, key in (
        ("setup", "setup"),
        ("tod", "tod_bucket"),
        ("dow", "dow"),
        ("regime", "regime"),
        ("outcome", "outcome"),
    ):
        for told in table(folder / f"eta_v1_by_{kind}.csv"):
            own = column([row for row in trades if row[key] == told[kind]], "pnl_r")
            found = {
                "n": (len(own), 0),
                "win_rate": (100 * stats.win_rate(own), 1),
                "avg_r": (stats.expectancy_usd(own), 3),
                "total_r": (own.sum(), 2),
                "pf": (stats.profit_factor(own), 2),
            }
            for figure, (ours, digits) in found.items():
                published = float(told[figure])
                if math.isinf(published) and math.isinf(ours):
                    continue
                undefined = math.isnan(ours)
                yield Row(
                    source=f"eta {kind} {told[kind]}",
                    figure=figure,
                    published=published,
                    ours=float(ours),
                    digits=digits,
                    reason="no gain and no loss: theirs is 0, ours not defined" if undefined else "",
                )


def fund(folder: Path) -> Iterator[Row]:
    """Monthly returns of a fund, net, compounded."""
    with (folder / "mbh_fund_net_monthly_returns.csv").open(newline="", encoding="utf-8") as file:
        years = {row[0]: row for row in csv.reader(file) if row and row[0].isdigit()}
    monthly = {year: [percent(cell) for cell in row[1:13] if cell.endswith("%")] for year, row in years.items()}
    since: list[float] = []
    for year in sorted(monthly):
        since += monthly[year]
        for figure, cell, returns in (
            ("year to date", years[year][13], monthly[year]),
            ("since inception", years[year][14], since),
        ):
            yield Row(
                source="fund",
                figure=f"{figure}, {year} [%]",
                published=100 * percent(cell),
                ours=100 * stats.growth(returns),
                digits=2,
                reason="months are rounded to a hundredth of a percent",
            )


def main() -> None:
    """Print how many of each source agree, and every figure that does not, with the reason."""
    found = rows(Path(sys.argv[1]))
    print("| source | figures | the same |\n|---|---:|---:|")
    for source, group in groupby(found, key=lambda row: row.source.split(" ")[0]):
        own = list(group)
        print(f"| {source} | {len(own)} | {sum(row.same for row in own)} |")
    print("\n| source | figure | published | ours | difference | reason |\n|---|---|---:|---:|---:|---|")
    for row in found:
        if not row.same:
            told = f"{row.published:.6g} | {row.ours:.6g} | {row.difference:+.4g}"
            print(f"| {row.source} | {row.figure} | {told} | {row.reason} |")
    print(f"\n{sum(row.same for row in found)} of {len(found)} are the same to the digits that were published")


if __name__ == "__main__":
    main()
