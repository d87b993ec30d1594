import pytest

from gamma.complaints import MASK, password_in, without_password


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql+psycopg://gamma:pw/x@host/db", "pw/x"),
        ('gamma:s3cr3t@"sqlite://"', "s3cr3t"),
        ('database = "gamma:s3cr3t@host"', "s3cr3t"),
        ("postgresql://gamma:p/w@d@host/db", "p/w@d"),
        ("postgresql://gamma@host/db", ""),
        ("sqlite:///gamma.db", ""),
        ("flat by 16:10, mail me@home", ""),
    ],
)
def test_a_password_is_found_in_a_url_and_in_the_rest_of_one(url: str, password: str) -> None:
    assert password_in(url) == password
    assert without_password(url) == (url.replace(password, MASK) if password else url)
