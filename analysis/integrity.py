"""Whether documents and files agree, where no foreign key sees to it.

Each check yields what it finds. A repair loses nothing: it makes pictures anew from their
intact original, and moves what belongs to nothing aside once it is a day old.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.apps import apps
from django.db.models import ForeignKey, Model

from analysis.pictures import PICTURE_KEYS
from mammotrack.audit import links
from patients.models import Patient
from scans.errors import ScanFileError
from scans.models import Mammogram
from scans.sandbox import decode_file
from scans.services import in_use, object_store
from scans.storage import SUMS, hash_of_file, hashes_in

OURS = ("accounts", "patients", "scans", "analysis")
MADE = ("display.jpg", "pixels.png", "thumbnail.jpg")
STRAY_AGE = timedelta(hours=24)
BATCH = 500


@dataclass(frozen=True)
class Problem:
    """``what`` names documents by kind and id and files by hash: never a person."""

    kind: str
    what: str
    repaired: bool = False


def check(*, repair: bool = False) -> Iterator[Problem]:
    yield from _objects(repair)
    yield from _made_pictures()
    yield from _strays(repair)
    yield from _references()
    for missing in links.unlinked():
        yield Problem("missing_audit_link", missing.what)


def _objects(repair: bool) -> Iterator[Problem]:
    """Every mammogram has its file and its pictures, and their bytes are what was stored."""
    store = object_store()
    for mammogram in _of_the_living(Mammogram):
        name = f"mammogram {mammogram.pk}"
        found = hash_of_file(store.path_of(mammogram.sha256))
        if found is None:
            yield Problem("object_missing", name)
        elif found != mammogram.sha256:
            yield Problem("object_changed", name)
        for kind, file in _spoilt(store.derived_folder(mammogram.sha256), MADE):
            is_intact = found == mammogram.sha256
            repaired = repair and is_intact and _made_anew(mammogram)
            yield Problem(kind, f"{file} of {name}", repaired)


def _made_anew(mammogram: Mammogram) -> bool:
    store = object_store()
    with TemporaryDirectory(prefix="mammotrack-") as scratch:
        try:
            decoded = decode_file(store.path_of(mammogram.sha256), Path(scratch))
        except ScanFileError:
            return False
        if decoded.pixel_sha256 != mammogram.pixel_sha256:
            return False
        store.put_derived(mammogram.sha256, decoded.pictures)
    return True


def _made_pictures() -> Iterator[Problem]:
    """Some may be left out; those that were made are what they were."""
    for model, name in PICTURE_KEYS:
        for row in _of_the_living(model):
            if key := getattr(row, name):
                folder = object_store().derived_folder(key)
                wanted = tuple(hashes_in(folder)) or (SUMS,)
                for kind, file in _spoilt(folder, wanted):
                    yield Problem(kind, f"{file} of {model._meta.model_name} {row.pk}")


def _spoilt(folder: Path, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    stored = hashes_in(folder)
    for name in names:
        found = hash_of_file(folder / name)
        if found is None:
            yield "picture_missing", name
        elif found != stored.get(name):
            yield "picture_changed", name


def _strays(repair: bool) -> Iterator[Problem]:
    """Files of no document. What is younger than a day may be an upload under way."""
    oldest = time.time() - STRAY_AGE.total_seconds()
    for kind, is_known in (("objects", in_use), ("derived", _is_derived)):
        for path in object_store().entries(kind):
            if path.lstat().st_mtime > oldest or is_known(path.name):
                continue
            if repair:
                object_store().set_aside(path)
            yield Problem("object_without_document", f"{kind} {path.name}", repair)


def _is_derived(key: str) -> bool:
    return in_use(key) or any(
        _manager(model).filter(**{name: key}).exists() for model, name in PICTURE_KEYS
    )


def _references() -> Iterator[Problem]:
    """Every id a document names is a document: a job its mammograms, a decision its proposal."""
    for app in OURS:
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.fields:
                if isinstance(field, ForeignKey):
                    yield from _broken(model, field)


def _broken(model: type[Model], field: Any) -> Iterator[Problem]:
    named = _manager(model).exclude(**{field.attname: None}).order_by("pk")
    pairs = named.values_list("pk", field.attname).iterator(BATCH)
    while batch := list(islice(pairs, BATCH)):
        ids = {target for _, target in batch}
        known = set(_manager(field.related_model).filter(pk__in=ids).values_list("pk", flat=True))
        for key, target in batch:
            if target not in known:
                name = f"{model._meta.model_name} {key}"
                yield Problem("broken_reference", f"{field.name} of {name}")


def _of_the_living(model: type[Any]) -> Iterator[Any]:
    """Rows whose patient was not erased: the files of those are gone on purpose."""
    erased = set(Patient.objects.exclude(erased_at=None).values_list("pk", flat=True))
    rows = _manager(model).order_by("pk").iterator(BATCH)
    return (row for row in rows if row.patient_id not in erased)


def _manager(model: type[Model]) -> Any:
    return model._default_manager
