"""The points that every adapter to a broker is judged by."""

from enum import StrEnum


class Point(StrEnum):
    """What is proved of an adapter; the text is the row of the matrix in docs/brokers.md."""

    BODIES = "requests are those that an independent client sends"
    HEADERS = "headers and signatures are right"
    LISTS = "lists of none, one and many are read"
    ANSWERS = "acceptance, refusal and nonsense are told apart"
    LOST = "an order whose answer was lost is found, or is not there"
    DUPLICATES = "what the broker makes of an id that it has seen is told as it is"
    PARTS = "partial fills, cancels, and cancels that come too late"
    EXPIRY = "an order that expires is told as expired"
    ORDER = "fills read late, twice or from any marker come to the same"
    LIMITS = "a broker that asks for a pause is left alone"
    TOKENS = "a token is renewed in time"
    WORDS = "every word for a state is known, and a new one changes nothing"
    RESTARTS = "a restart between any two steps leaves one order"
    ENVIRONMENTS = "paper and live never mix"
