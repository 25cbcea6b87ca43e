"""Write what a command printed into a document, between two markers."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def machine(cores: int) -> str:
    """Name the machine, what else it was doing, and the day."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), "")
    waiting = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC).date().isoformat()}, {model or platform.machine()}, {cores} cores, "
        f"load average {waiting:.1f}"
    )


def write_section(document: Path, name: str, text: str, *, fenced: bool = True) -> None:
    """Replace what stands between ``<!-- name -->`` and ``<!-- end of name -->``.

    Raises
    ------
    ValueError
        When the document has not exactly one such section.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = document.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    body = f"```text\n{text.strip()}\n```" if fenced else text.strip()
    whole = f"{before}{begin}\n\n{body}\n\n{end}{after}"
    if not rest or not after or begin in after:
        raise ValueError(f"Expected one section {name!r} in {document.name}.")
    document.write_text(whole, encoding="utf-8")
