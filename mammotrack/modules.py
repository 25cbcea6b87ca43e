"""Scripts of several modules, without a build step: served under names of their content, and named
in the head of a page together, so that a browser need not find one import behind the other."""

import re
from functools import cache
from pathlib import Path
from posixpath import dirname, join, normpath

from django.contrib.staticfiles import finders
from whitenoise.storage import CompressedManifestStaticFilesStorage

OURS = "js/*.js"
IMPORT = r'(?P<matched>from "(?P<url>\./[^"]+)";)'
WORKER = r'(?P<matched>new URL\("(?P<url>[^"]+)", import\.meta\.url\))'


class ModuleFilesStorage(CompressedManifestStaticFilesStorage):
    """Hashed names also where one module names another: never modules of two releases on a page."""

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        (
            OURS,
            (
                (IMPORT, 'from "%(url)s";'),
                (WORKER, 'new URL("%(url)s", import.meta.url)'),
            ),
        ),
    )


@cache
def imported_by(entry: str) -> tuple[str, ...]:
    """The modules that a static module needs, at whatever depth, each once."""
    found: dict[str, None] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        path = finders.find(name)
        if path is None:
            raise FileNotFoundError(f"There is no static file {name}.")
        for match in re.finditer(IMPORT, Path(path).read_text()):
            imported = normpath(join(dirname(name), match["url"]))
            if imported not in found:
                found[imported] = None
                waiting.append(imported)
    return tuple(found)
