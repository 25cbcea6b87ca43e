"""The bytes that are hashed, held against an independent implementation of RFC 8785."""

from datetime import UTC, datetime, timedelta, timezone

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from mammotrack.audit.canonical import canonical, hash_of, iso_milliseconds, mac_of, plain

names = st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
leaves = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4)
)


@given(st.dictionaries(names, values, max_size=6))
def test_bytes_are_those_of_the_standard(body):
    assert canonical(body) == rfc8785.dumps(body)


@given(st.recursive(leaves | st.floats(allow_nan=False) | st.dates(), st.lists, max_leaves=5))
def test_what_is_made_plain_is_canonical(value):
    assert canonical({"value": plain(value)}) == rfc8785.dumps({"value": plain(value)})


def test_text_is_normalised_and_fractions_are_text():
    assert plain({"name": "Z\u0061\u0308", "ssim": 0.1, "n": 3, "ok": True}) == {
        "name": "Z\u00e4",
        "ssim": "0.1",
        "n": 3,
        "ok": True,
    }


def test_times_are_utc_milliseconds():
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=2)))

    assert iso_milliseconds(moment) == "2026-01-02T03:04:05.678Z"
    assert iso_milliseconds(elsewhere) == iso_milliseconds(moment.replace(tzinfo=None))


def test_the_format_stays():
    """An entry of docs/audit.md: whoever changes these bytes breaks every trail there is."""
    document = {"chain": "system", "seq": 1, "created_at": datetime(2026, 1, 2)}  # noqa: DTZ001

    found = hash_of(document | {"hash": "left out", "mac": "left out"})

    assert found == "3afea4f90be771bd44f9c48064682355d956f8af84290e4efd06b286a49fa2bc"
    assert mac_of(found, b"key") == (
        "592530da95106a9f152ca76844239b0dc61c31ab368adef6a2d418e177795064"
    )
