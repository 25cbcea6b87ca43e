"""Errors of analysing files without the application around them."""


class FileRefused(ValueError):
    """A file or table on disk that cannot be analysed as asked. ``code`` is stable."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
