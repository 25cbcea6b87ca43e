"""What pages say is there in Spanish, all of it. ``make texts`` gathers what is new."""

import re
from datetime import date

import pytest
from django.utils import translation
from django.utils.formats import date_format

from mammotrack.catalogue import DOMAINS, FOLDER, compiled, gathered, kept, untranslated

PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}|</?[a-z]+")


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_text_of_the_sources_has_its_translation(domain):
    said = {(message.context, str(message.id)) for message in gathered(domain) if message.id}
    known = {(message.context, str(message.id)) for message in kept(domain) if message.id}

    assert said - known == set(), "make texts, then translate"
    assert known - said == set(), "make texts"
    assert untranslated(kept(domain)) == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_translation_holds_what_the_text_holds(domain):
    """Every value, every tag: one that is missing would be missing on the page."""
    for message in kept(domain):
        if not message.id:
            continue
        text = message.id if isinstance(message.id, str) else message.id[1]
        said = message.string if isinstance(message.string, str) else message.string[1]
        assert sorted(PLACEHOLDER.findall(said)) == sorted(PLACEHOLDER.findall(text)), text
        assert said.strip() == said or text.strip() != text, text


@pytest.mark.parametrize("domain", DOMAINS)
def test_what_is_compiled_is_what_is_written(domain):
    assert (FOLDER / f"{domain}.mo").read_bytes() == compiled(kept(domain)), "make texts"


@pytest.mark.parametrize(
    ("language", "written"),
    [("en", ("5 Jan 2024", "Jan 2024")), ("es", ("5 ene 2024", "ene 2024"))],
)
def test_months_are_written_as_the_language_does(language, written):
    day = date(2024, 1, 5)
    with translation.override(language):
        assert (
            date_format(day, "DATE_FORMAT"),
            date_format(day, "YEAR_MONTH_FORMAT"),
        ) == written
