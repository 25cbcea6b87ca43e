"""The one error of the imaging package: the caller handed over something that is not an image."""


class ImagingError(ValueError):
    """An argument cannot be measured at all (wrong shape, range, dtype or unit).

    Ugly but valid pictures never raise: they come back with reasons instead.

    Attributes
    ----------
    code : str
        Stable snake_case name of what was wrong.
    detail : str
        A sentence: what was wrong, what was expected, what arrived.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
