"""A marked mass on both films: cut out, outlined, its longest diameter drawn."""

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import WORKING_SPACING_MM, PreparedBreast
from analysis.imaging.change import LesionChange
from analysis.imaging.film_display import (
    LESION_INK,
    MARK_INK,
    Colour,
    Gray,
    Mask,
    as_colour,
    contours_of,
    encode_png,
    hung,
    reading_gray,
)
from analysis.imaging.frame import Frame, common_frame
from analysis.imaging.mark import Mark, grid_placement

SIDE_PX = 440
REACH = 2.0
"""Half the side of the cut-out, in radii of the mark."""
SMALLEST_HALF_MM = 12.0
SCALE_BAR_MM = 10
SCALE_BAR_INK = (225, 225, 225)


def lesion_pictures(
    *, prior: PreparedBreast, current: PreparedBreast, lesion: LesionChange
) -> dict[str, bytes]:
    """Return ``lesion_prior.png`` and ``lesion_current.png``, square and of one scale."""
    frame = common_frame(prior=prior, current=current)
    before, after = marks_on_frame(lesion, prior=prior, current=current, frame=frame)
    return {
        "lesion_prior.png": _cut_out(
            prior, reading_gray(frame.prior, frame.prior_mask), before, lesion.prior_outline
        ),
        "lesion_current.png": _cut_out(
            current, reading_gray(frame.current, frame.current_mask), after, lesion.current_outline
        ),
    }


def marks_on_frame(
    lesion: LesionChange, *, prior: PreparedBreast, current: PreparedBreast, frame: Frame
) -> tuple[Mark, Mark]:
    """Return the mark on both films in pixels of their common frame."""
    resized = _height(frame.prior_mask) / _height(prior.mask)
    before = grid_placement(prior).to_grid(lesion.prior_mark)
    return before.scaled(resized), grid_placement(current).to_grid(lesion.current_mark)


def _height(mask: Mask) -> int:
    return int(np.ptp(np.flatnonzero(mask.any(axis=1)))) + 1


def _cut_out(breast: PreparedBreast, gray: Gray, mark: Mark, outline: Mask) -> bytes:
    half = max(round(REACH * mark.radius), round(SMALLEST_HALF_MM / WORKING_SPACING_MM))
    corner = np.array([round(mark.x) - half, round(mark.y) - half])
    zoom = SIDE_PX / (2 * half + 1)
    square = np.pad(gray, half)  # black where the cut-out leaves the picture
    top, left = corner[1] + half, corner[0] + half
    cut = square[top : top + 2 * half + 1, left : left + 2 * half + 1]
    shown = as_colour(
        np.asarray(cv2.resize(cut, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC), np.uint8)
    )

    def placed(points: NDArray[np.generic]) -> NDArray[np.int32]:
        return np.round((points - corner + 0.5) * zoom).astype(np.int32)

    centre = placed(np.array([mark.x, mark.y]))
    cv2.circle(shown, centre.tolist(), round(mark.radius * zoom), MARK_INK, 1, cv2.LINE_AA)
    for contour in contours_of(outline):
        cv2.polylines(shown, [placed(contour)], True, LESION_INK, 2, cv2.LINE_AA)
        ends = placed(_farthest(contour[:, 0]))
        cv2.line(shown, ends[0].tolist(), ends[1].tolist(), LESION_INK, 1, cv2.LINE_AA)
    picture = hung(shown, breast.chest_wall)
    if breast.spacing_mm is not None:
        _draw_scale_bar(picture, length=round(SCALE_BAR_MM / WORKING_SPACING_MM * zoom))
    return encode_png(picture)


def _farthest(points: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the two points that lie farthest apart, (2, 2)."""
    hull = cv2.convexHull(points)[:, 0]
    distances = np.linalg.norm(hull[:, None] - hull[None], axis=-1)
    return np.asarray(hull[list(np.unravel_index(distances.argmax(), distances.shape))], np.int32)


def _draw_scale_bar(picture: Colour, *, length: int) -> None:
    left, bottom = 14, SIDE_PX - 16
    cv2.line(picture, (left, bottom), (left + length, bottom), SCALE_BAR_INK, 2)
    cv2.putText(
        picture,
        f"{SCALE_BAR_MM} mm",
        (left, bottom - 8),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.5,
        SCALE_BAR_INK,
        1,
        cv2.LINE_AA,
    )
