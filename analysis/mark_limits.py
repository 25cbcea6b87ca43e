"""Where on a picture a lesion may be marked and how large, held before anything is stored."""

from django.utils.translation import gettext as _

from mammotrack.errors import Rejected

RADIUS_MM = (2.0, 60.0)
RADIUS_SHARE = (0.005, 0.25)
"""Of the longer side, where the scale of the picture is unknown."""


class MarkRefused(Rejected):
    code = "invalid_mark"


def check_mark(
    *, x: float, y: float, radius: float, rows: int, columns: int, spacing_mm: float | None
) -> None:
    """Hold a disc, in pixels of a picture, against the picture's frame and the sizes that are read.

    Raises
    ------
    MarkRefused
        ``mark_outside_picture`` or ``mark_radius_out_of_range``. Whether the disc lies in the
        breast is for the analysis to find.
    """
    if not (0 <= x <= columns - 1 and 0 <= y <= rows - 1):
        raise MarkRefused(
            _("The centre lies outside the picture of %(columns)s × %(rows)s px.")
            % {"columns": columns, "rows": rows},
            code="mark_outside_picture",
        )
    smallest, largest = radius_range_px(rows=rows, columns=columns, spacing_mm=spacing_mm)
    if not smallest <= radius <= largest:
        raise MarkRefused(
            _("The radius must lie between %(smallest)s and %(largest)s px on this picture.")
            % {"smallest": f"{smallest:.0f}", "largest": f"{largest:.0f}"},
            code="mark_radius_out_of_range",
        )


def radius_range_px(*, rows: int, columns: int, spacing_mm: float | None) -> tuple[float, float]:
    """The smallest and the largest radius of a mark on this picture."""
    if spacing_mm is not None:
        return RADIUS_MM[0] / spacing_mm, RADIUS_MM[1] / spacing_mm
    longer = max(rows, columns)
    return RADIUS_SHARE[0] * longer, RADIUS_SHARE[1] * longer
