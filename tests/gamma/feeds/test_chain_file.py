"""Option chains from files: tables, Cboe's downloads, and what is wrong with them."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from gamma.errors import InputInvalid
from gamma.feeds.chain_file import ChainWanted, cboe_time_utc_ns, load_chains, time_utc_ns
from gamma.options import Option
from gamma.structures import Right

HEAD = "ts,underlying,underlying_last,root,expiration,right,strike,bid,ask,iv,gamma,open_interest\n"
ROW = "2023-05-26T15:00:00+00:00,SPX,4205.45,SPXW,2023-05-26,C,4210,3.1,3.3,0.11,0.0213,1200\n"
CBOE = """
Standard & Poors 500 Index,Last: 4205.4502,Change:  54.17
"Date: May 26, 2023 at 5:01 PM EDT",Bid: 4190.2402,Ask: 4227.6899,Size: 1*1,Volume: 0
Expiration Date,Calls,Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest,Strike,Puts,Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest
Tue May 30 2023,SPXW230530C04200000,20.1,1,19.5,20.3,812,0.1123,0.55,0.0061,2100,4200.00,SPXW230530P04200000,12,-1,11.7,12.1,900,0.1101,-0.45,0.0062,1800
"""  # noqa: E501


def at(*when: int) -> int:
    return round(datetime(*when, tzinfo=UTC).timestamp()) * 10**9  # type: ignore[arg-type, misc]


def written(tmp_path: Path, text: str, name: str = "chain.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_gives_its_options_and_what_it_does_not_tell_is_unknown(tmp_path: Path) -> None:
    (chain,) = load_chains(written(tmp_path, HEAD + ROW))
    assert (chain.underlying, chain.spot_points, chain.ts_utc_ns) == ("SPX", 4205.45, at(2023, 5, 26, 15))
    assert repr(chain.option(0)) == repr(
        Option(
            root="SPXW",
            expires=date(2023, 5, 26),
            right=Right.CALL,
            strike_points=4210.0,
            bid_points=3.1,
            ask_points=3.3,
            iv=0.11,
            gamma=0.0213,
            open_interest=1200.0,
        )
    )


def test_rows_of_one_time_are_one_chain_and_the_oldest_comes_first(tmp_path: Path) -> None:
    later = ROW.replace("T15:00", "T16:00")
    found = load_chains(written(tmp_path, HEAD + later + ROW + later.replace("4210", "4215")))
    assert [(chain.ts_utc_ns, len(chain)) for chain in found] == [(at(2023, 5, 26, 15), 1), (at(2023, 5, 26, 16), 2)]


def test_parquet_with_times_as_times_reads_the_same(tmp_path: Path) -> None:
    table = pl.read_csv((HEAD + ROW).encode()).with_columns(pl.col("ts").str.to_datetime(time_zone="UTC"))
    table.write_parquet(tmp_path / "chain.parquet")
    (chain,) = load_chains(tmp_path / "chain.parquet")
    assert chain.ts_utc_ns == at(2023, 5, 26, 15)
    assert repr(chain.option(0)) == repr(load_chains(written(tmp_path, HEAD + ROW))[0].option(0))


def test_cboes_download_is_read_as_it_comes(tmp_path: Path) -> None:
    (chain,) = load_chains(written(tmp_path, CBOE))
    assert (chain.underlying, chain.spot_points, len(chain)) == ("SPX", 4205.4502, 2)
    assert chain.ts_utc_ns == at(2023, 5, 26, 21, 1)
    call, put = chain.option(0), chain.option(1)
    assert (call.symbol, call.bid_points, call.gamma) == ("SPXW230530C04200000", 19.5, 0.0061)
    assert (put.symbol, put.iv, put.open_interest) == ("SPXW230530P04200000", 0.1101, 1800.0)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("May 26, 2023 at 5:01 PM EDT", at(2023, 5, 26, 21, 1)),
        ("20 May 2023, 11:46 AM EDT", at(2023, 5, 20, 15, 46)),
        ("17 April 2023, 22:53 UTC\u22124", at(2023, 4, 18, 2, 53)),
        ("11 April, 2023 à 22:23 UTC\u22124", at(2023, 4, 12, 2, 23)),
        ("February 5 2022, 8:26 PM EST", at(2022, 2, 6, 1, 26)),
        ("July 12, 2022, 12:05 AM EDT", at(2022, 7, 12, 4, 5)),
    ],
)
def test_the_times_that_cboe_writes_are_understood(text: str, when: int) -> None:
    assert cboe_time_utc_ns(text) == when


@pytest.mark.parametrize(
    "text", ["", "yesterday", "May 2023 at 5:01 PM EDT", "May 26, 2023 5:01", "45 May 2023 1:00 AM EST"]
)
def test_what_is_no_time_of_cboes_is_refused(text: str) -> None:
    with pytest.raises(InputInvalid, match="is no time of Cboe's"):
        cboe_time_utc_ns(text)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("strike,", "struck,"), "has no column strike"),
        ((",C,", ",X,"), r"row 1: right = 'X': should be C or P"),
        (("4210", "-5"), r"row 1: strike = -5: should be a price above 0"),
        (("2023-05-26,C", "soon,C"), r"row 1: expiration = 'soon': should be a date"),
        (("4205.45", "0"), r"row 1: spot = 0: should be a price above 0"),
        (("2023-05-26T15:00:00+00:00", "noon"), r"time 'noon': should be ISO 8601"),
    ],
)
def test_a_bad_row_is_refused_by_row_and_field(tmp_path: Path, change: tuple[str, str], error: str) -> None:
    head, row = (text.replace(*change) for text in (HEAD, ROW))
    with pytest.raises(InputInvalid, match=error):
        load_chains(written(tmp_path, head + row))


def test_a_file_that_does_not_tell_its_time_needs_it(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD.replace("ts,", "", 1) + ROW.partition(",")[2])
    with pytest.raises(InputInvalid, match="does not tell when it was quoted; give the time"):
        load_chains(path)
    assert load_chains(path, ChainWanted(ts_utc_ns=7))[0].ts_utc_ns == 7


def test_one_snapshot_or_one_underlying_of_several_is_picked(tmp_path: Path) -> None:
    text = HEAD.replace("ts", "snapshot_id", 1) + "".join(
        ROW.replace("2023-05-26T15:00:00+00:00", name).replace("SPX,", f"{root},", 1)
        for name, root in (("a", "SPX"), ("b", "NDX"))
    )
    path = written(tmp_path, text)
    assert load_chains(path, ChainWanted(snapshot="b", ts_utc_ns=7))[0].underlying == "NDX"
    assert load_chains(path, ChainWanted(underlying="SPX", ts_utc_ns=7))[0].underlying == "SPX"
    with pytest.raises(InputInvalid, match="has no snapshot_id 'c'; it has a, b"):
        load_chains(path, ChainWanted(snapshot="c", ts_utc_ns=7))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("SPXW230530C04200000", "SPXW"), "row 4: 'SPXW' is no option's symbol"),
        (("0.0061,2100", "x,2100"), "row 4: Gamma = 'x' is no number"),
        ((",0.0062,1800", ""), "row 4 has 20 columns"),
        (("Last: 4205.4502", "Last: much"), "row 1: Last = ' much' is no number"),
    ],
)
def test_a_bad_row_of_cboes_is_refused_by_row_and_field(tmp_path: Path, change: tuple[str, str], error: str) -> None:
    with pytest.raises(InputInvalid, match=error):
        load_chains(written(tmp_path, CBOE.replace(*change)))


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", written(tmp_path, "\x00", "bytes.parquet"), written(tmp_path, "", "empty.csv")):
        with pytest.raises(InputInvalid, match="cannot be read"):
            load_chains(path)


def test_times_without_an_offset_are_utc() -> None:
    assert time_utc_ns("2023-05-26T15:00") == time_utc_ns("2023-05-26T11:00-04:00") == at(2023, 5, 26, 15)
