"""Modules: what a page names in its head, and the names under which they are served."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders

from mammotrack.modules import ModuleFilesStorage, imported_by

VIEWER = "js/viewer/main.js"
WORKER = ("decode", "png")
NAMED = re.compile(r'(?:from |new URL\()"([^"]+)"')


def test_all_modules_of_the_viewer_are_named_once_but_those_that_start_by_themselves():
    folder = settings.BASE_DIR / "static/js/viewer"
    written = {f"js/viewer/{path.name}" for path in folder.glob("*.js")}

    named = imported_by(VIEWER)

    assert len(named) == len(set(named))
    assert {VIEWER, *named} == written - {f"js/viewer/{name}.js" for name in ("early", *WORKER)}


def test_a_missing_module_is_named():
    with pytest.raises(FileNotFoundError, match=r"js/viewer/none\.js"):
        imported_by("js/viewer/none.js")


def test_modules_name_each_other_by_the_hash_of_their_content(tmp_path: Path):
    """Also the worker, which no import names."""
    found = {
        path: (storage, path)
        for finder in get_finders()
        for path, storage in finder.list([])
        if path.startswith("js/")
    }
    served = ModuleFilesStorage(location=tmp_path, base_url="/static/")
    for path, (storage, _) in found.items():
        with storage.open(path) as file:
            served.save(path, file)

    for _original, _hashed, processed in served.post_process(found):
        assert not isinstance(processed, Exception), processed

    waiting, seen = [Path(served.stored_name(VIEWER))], set()
    while waiting:
        module = waiting.pop()
        seen.add(re.sub(r"\.[0-9a-f]{12}\.js$", ".js", module.name))
        for name in NAMED.findall((tmp_path / module).read_text()):
            assert re.search(r"\.[0-9a-f]{12}\.js$", name), (module, name)
            waiting.append(module.parent / name)
    assert {"main.js", "geometry.js", "decode.js", "png.js"} <= seen
