"""The report as files: whole in themselves, and the same bytes for the same data."""

import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from gamma.cli import app
from gamma.history.figures import Figure, figures
from gamma.report import document, page, sections
from gamma.report.sections import in_short
from tests.gamma.report.case import subject, trade_file


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    about = subject(tmp_path_factory.mktemp("report"))
    found = sections(about)
    return page(about, found), document(about, found)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_same_data_makes_the_same_bytes(tmp_path: Path, told: tuple[str, bytes]) -> None:
    about = subject(tmp_path)
    found = sections(about)
    assert page(about, found) == told[0]
    assert document(about, found) == told[1]


def test_the_page_needs_no_script_and_nothing_from_elsewhere(told: tuple[str, bytes]) -> None:
    text = told[0]
    assert "<script" not in text
    assert not re.findall(r'(?:src|href)="(?!#)', text)
    assert "@import" not in text
    assert not re.findall(r"url\((?!#)", text)


def test_the_first_sentence_says_what_came_of_it_and_whether_that_may_be_luck(tmp_path: Path) -> None:
    about = subject(tmp_path)
    text = in_short(about, figures([about.history]))
    assert text.startswith("+1,858.47 usd in 78 sessions and 165 trades. A session made 23.83 usd;")
    assert text.endswith("all above 0.")
    unsure = [Figure(name="pnl_per_session_usd", value=3.0, low=-1.0, high=7.0)]
    assert in_short(about, unsure).endswith("the 95 % interval is -1.00 to 7.00, with 0 within: it may be luck.")
    assert in_short(about, []).endswith("165 trades.")


def test_every_id_on_the_page_is_there_once_and_every_reference_leads_to_one(told: tuple[str, bytes]) -> None:
    ids = re.findall(r'\bid="([^"]+)"', told[0])
    assert len(ids) == len(set(ids)) > 10
    assert {*re.findall(r'href="#([^"]+)"', told[0]), *re.findall(r"url\(#([^)]+)\)", told[0])} <= set(ids)


def test_every_picture_is_well_formed_and_told_in_words(told: tuple[str, bytes]) -> None:
    drawn = re.findall(r"<svg .*?</svg>", told[0], flags=re.DOTALL)
    assert drawn
    for one in drawn:
        assert len(ET.fromstring(one).attrib["aria-label"]) > 20
        assert "<metadata" not in one


def test_the_pdf_says_what_the_page_says(told: tuple[str, bytes]) -> None:
    pdf = PdfReader(io.BytesIO(told[1]))
    text = "\n".join(one.extract_text() for one in pdf.pages)
    assert pdf.metadata is not None
    assert pdf.metadata.title == "A made account"
    for heading in re.findall(r"<h2[^>]*>([^<]+)</h2>", told[0]):
        assert heading.replace("&amp;", "&") in text
    assert sum(len(one.images) for one in pdf.pages) == told[0].count("<figure>")


@pytest.mark.slow
def test_letters_that_mean_something_to_a_browser_or_nothing_to_a_font_do_no_harm(tmp_path: Path) -> None:
    about = replace(subject(tmp_path, months=1), title='<b>"日本" & co</b>', source="</main><script>")
    found = sections(about)
    text = page(about, found)
    assert "<b>" not in text
    assert "<script" not in text
    pdf = PdfReader(io.BytesIO(document(about, found)))
    assert '<b>"??" & co</b>' in pdf.pages[0].extract_text()


@pytest.mark.slow
def test_a_file_of_trades_becomes_two_files_and_its_figures(folder: Path) -> None:
    trade_file(folder)
    result = CliRunner().invoke(app, ["report", "--trades", "trades.csv", "--start-usd", "50000", "--json"])
    assert result.exit_code == 0, result.stderr
    shape = json.loads(result.stdout)
    assert (shape["page"], shape["document"]) == ("report/report.html", "report/report.pdf")
    assert Path(shape["page"]).read_text().startswith("<!doctype html>")
    assert Path(shape["document"]).read_bytes().startswith(b"%PDF")
    assert {one["name"]: one["value"] for one in shape["figures"]}["trades"] == 165
    assert sorted(path.name for path in Path("report").iterdir()) == ["report.html", "report.pdf"]


@pytest.mark.slow
def test_its_pictures_are_written_too_where_that_is_asked(folder: Path) -> None:
    trade_file(folder, months=1)
    of = ["--trades", "trades.csv", "--start-usd", "50000", "--pictures", "--json"]
    result = CliRunner().invoke(app, ["report", *of])
    assert result.exit_code == 0, result.stderr
    drawn = json.loads(result.stdout)["pictures"]
    assert [Path(name).stem for name in drawn] == ["equity", "held", "excursions", "hours", "sides"]
    assert all(Path(name).read_bytes().startswith(b"\x89PNG") for name in drawn)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--trades", "trades.csv"], "--start-usd"),
        (["--trades", "gone.csv", "--start-usd", "50000"], "gone.csv"),
        (["--start-usd", "50000"], "goes with --trades"),
        (["--trades", "trades.csv", "--start-usd", "50000", "--out", "trades.csv"], "is a file"),
        (["--trades", "trades.csv", "--start-usd", "50000", "--ledger", "sqlite:///x.db"], "one of them"),
    ],
)
def test_what_cannot_be_told_of_is_refused_in_a_sentence(folder: Path, arguments: list[str], said: str) -> None:
    trade_file(folder)
    result = CliRunner().invoke(app, ["report", *arguments])
    assert result.exit_code == 1
    assert said in result.stderr
    assert not Path("report").exists()
