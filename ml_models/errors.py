"""The one error of this package."""


class ModelError(RuntimeError):
    """A model, its weights or its training data cannot be used.

    Parameters
    ----------
    detail : str
        A sentence that says what was wrong, what was expected and what arrived.
    code : str
        Stable snake_case name of the refusal, for programs.
    """

    def __init__(self, detail: str, *, code: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
