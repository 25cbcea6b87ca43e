"""From values and pictures to a PDF, by Typst: no network, no file but the pictures."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TEMPLATE = Path(__file__).with_name("report.typ")


def typeset(
    content: Mapping[str, Any], pictures: Mapping[str, bytes], *, made_at: datetime
) -> bytes:
    """The PDF of these values, tagged for screen readers. Letters that our fonts lack come from
    the system's.

    The values arrive in the template as data, so nothing in them is ever read as markup; what
    the template may open is the folder of the pictures.
    """
    import typst  # noqa: PLC0415 -- 80 MB, for the one who prints

    with TemporaryDirectory(prefix="report-") as folder:
        for name, picture in pictures.items():
            (Path(folder) / name).write_bytes(picture)
        compiler = typst.Compiler(
            TEMPLATE.read_bytes(),
            root=folder,
            sys_inputs={"content": json.dumps(content)},
        )
        made = compiler.compile(format="pdf", timestamp=int(made_at.timestamp()))
    assert isinstance(made, bytes)  # noqa: S101 -- one file was asked for
    return made
