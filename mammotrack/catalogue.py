"""The catalogue of what pages say: gathered from the sources, compiled for Django.

``make texts`` runs it. It needs no GNU gettext; Babel reads the sources and writes both kinds of
file. Beside what is marked for translation it gathers the sentences that our errors and rules are
made with: those stay English, for programs, logs and what is stored, and are translated where a
page shows them.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "locale" / "es" / "LC_MESSAGES"
APPS = ("mammotrack", "patients", "scans", "analysis")
DOMAINS = ("django", "djangojs")
KEYWORDS = DEFAULT_KEYWORDS | {
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
ENGLISH = "analysis/reports"  # what is signed and printed (docs/adr/0012)
FOR_PROGRAMS = {"api", "webhooks", "dicomweb", "dicom_out", "fhir", "management", "demo", "imaging"}
Text = str | tuple[str, ...]
Found = tuple[str, Text, str | None]
"""Where it stands, the text or its singular and plural, and its context."""


def gathered(domain: str) -> Catalog:
    """All that the sources say, untranslated."""
    catalogue = Catalog(fuzzy=False)
    for name, text, context in sorted(_found(domain), key=str):
        catalogue.add(text, locations=[(name, 0)], context=context)
    return catalogue


def kept(domain: str) -> Catalog:
    with (FOLDER / f"{domain}.po").open("rb") as file:
        return read_po(file, locale="es", domain=domain)


def compiled(catalogue: Catalog) -> bytes:
    file = BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def update(domain: str) -> int:
    """Bring the kept files up to the sources; returns how many texts wait for a translation."""
    catalogue = kept(domain)
    made_at = catalogue.creation_date
    catalogue.update(gathered(domain), no_fuzzy_matching=True)
    catalogue.creation_date = made_at  # nothing changes where no text did
    with (FOLDER / f"{domain}.po").open("wb") as file:
        write_po(
            file, catalogue, width=100, sort_output=True, ignore_obsolete=True, include_lineno=False
        )
    (FOLDER / f"{domain}.mo").write_bytes(compiled(kept(domain)))
    return len(untranslated(catalogue))


def untranslated(catalogue: Catalog) -> list[str]:
    """What has no translation, or one that nobody confirmed."""
    return [str(message.id) for message in catalogue if message.id and not _is_done(message)]


def _is_done(message: Message) -> bool:
    said = message.string
    texts = [said] if isinstance(said, str) else list(said or ())
    return not message.fuzzy and bool(texts) and all(texts)


def _found(domain: str) -> Iterator[Found]:
    for path in _sources("static/js") if domain == "djangojs" else _sources("templates", *APPS):
        name = str(path.relative_to(ROOT))
        match path.suffix:
            case ".js":
                yield from _marked(name, path.read_bytes(), "javascript")
            case ".py":
                yield from _marked(name, path.read_bytes(), "python")
                if FOR_PROGRAMS.isdisjoint(path.parts):
                    yield from ((name, text, None) for text in _stated(path.read_text()))
            case ".html" | ".txt":
                code = templatize(path.read_text(), origin=name)
                flat = "\n".join(line.strip() for line in code.splitlines())
                yield from _marked(name, flat.encode(), "python")


def _sources(*folders: str) -> Iterable[Path]:
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*.*"))
    left_out = ("migrations", ENGLISH)
    return [path for path in paths if not any(each in str(path) for each in left_out)]


def _marked(name: str, source: bytes, method: str) -> Iterator[Found]:
    for _, text, _, context in extract(method, BytesIO(source), keywords=KEYWORDS):
        yield name, text, context


def _stated(source: str) -> Iterator[str]:
    """The plain sentences that errors and rules of our own are made with."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not _is_class(node.func):
            continue
        for argument in node.args:
            text = argument.value if isinstance(argument, ast.Constant) else None
            if isinstance(text, str) and re.match(r"[A-Z].* .*\.$", text):
                yield text


def _is_class(called: ast.expr) -> bool:
    name = called.id if isinstance(called, ast.Name) else ""
    return name[:1].isupper() and not hasattr(builtins, name)


if __name__ == "__main__":
    for each in DOMAINS:
        print(f"{each}: {update(each)} texts wait for a translation")
