"""Write what a command printed into a document, between two markers."""

from pathlib import Path


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
