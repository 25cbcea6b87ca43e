"""What can go wrong in our own terms. No Django, no HTTP: doors translate.

A detail is a sentence for the signed-in user. Context holds ids, counts and
field values the same user just sent, never anything from another record.
"""

from typing import Any, ClassVar


class MammoTrackError(Exception):
    """Root of the errors a service raises on purpose."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str, *, code: str | None = None, **context: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problem_code = code or self.code
        self.context = context


class NotFound(MammoTrackError):
    """Nothing of that kind is visible to this user."""

    code = "not_found"


class Forbidden(MammoTrackError):
    """The user's role does not include this action."""

    code = "forbidden"


class Rejected(MammoTrackError):
    """The request is well formed and a rule forbids it."""

    code = "rejected"


class Inconsistent(Rejected):
    """Values that cannot all be true."""

    code = "inconsistent"


class TooLarge(Rejected):
    """More than one request may carry."""

    code = "file_too_large"


class UnsupportedMedia(Rejected):
    """A kind of file we do not read."""

    code = "unsupported_file_type"


class Conflict(MammoTrackError):
    """The request contradicts what is stored."""

    code = "conflict"


class TooManyAttempts(MammoTrackError):
    """Somebody tries too often; waiting helps."""

    code = "throttled"


class StaleVersion(Conflict):
    """Somebody changed the record since the version that the change is based on."""

    code = "stale_version"


class Unavailable(MammoTrackError):
    """Something we depend on does not answer; trying again later may work."""

    code = "unavailable"
