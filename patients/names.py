"""Names as people and keyboards vary them: one form to store, one to compare, one to index."""

import re
import unicodedata

from jellyfish import metaphone

# Cyrillic and Greek letters that look like Latin ones (Unicode TR 39, confusables.txt).
_LOOKALIKES = str.maketrans(
    "абеорсухкмнтвіјѕԁһӏ" + "αβεικνορτυχ",
    "abeopcyxkmhtbijsdhl" + "abeiknoptux",
)
# Letters that no decomposition takes apart.
_PLAIN = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i"})


def normalise_name(text: str) -> str:
    """The form that is stored: NFC, single spaces, nothing around it."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def fold(text: str) -> str:
    """The form that is compared: no case, no accents, no look-alikes, words by single spaces.

    >>> fold("SMITH-Müller")
    'smith muller'
    """
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(re.findall(r"\w+", bare.translate(_PLAIN).translate(_LOOKALIKES)))


def phonetic_key(text: str) -> str:
    """The form that is indexed: how the first word sounds; itself where it is not Latin."""
    first = fold(text).partition(" ")[0]
    return (metaphone(first) if first.isascii() else "") or first


def phone_key(text: str) -> str:
    """The last nine digits: the same with or without country code, spaces or dashes."""
    return "".join(re.findall(r"\d", unicodedata.normalize("NFKC", text)))[-9:]
