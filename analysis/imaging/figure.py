"""One labelled picture of a comparison: both films, the map, the marked lesion, the noise band."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import PreparedBreast
from analysis.imaging.change import AttentionMark, LesionChange
from analysis.imaging.comparison import ChangeMeasurement
from analysis.imaging.film_display import (
    ATTENTION_INK,
    LESION_INK,
    MARK_INK,
    Colour,
    Gray,
    as_colour,
    contours_of,
    encode_png,
    hung,
    reading_gray,
)
from analysis.imaging.frame import common_frame
from analysis.imaging.lesion_pictures import marks_on_frame
from analysis.imaging.mark import Mark, grid_placement
from analysis.imaging.noise_band import reporting_threshold
from analysis.imaging.render import MAP_COLOURS, aligned_gray, current_gray, map_overlay

MAP_OPACITY = 0.62

PANEL_HEIGHT_PX = 760
GAP_PX = 18
HEADER_PX = 56
FOOTER_PX = 132
FIRST_LINE_PX, SECOND_LINE_PX = 46, 100
"""Below the panels: the summary with the legend of the map, the noise band with its key."""
PAGE = (20, 17, 15)
INK = (228, 224, 220)
MUTED_INK = (160, 154, 148)
BAND_INK = (92, 86, 80)
"""Colours are (blue, green, red), as OpenCV has them."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_SCALE = 0.7
LEGEND_PX = (220, 14)
LEGEND_WIDTH_PX = 460
BAND_PX = (360, 14)
MIN_PANEL_WIDTH_PX = 180


def comparison_figure(
    *, prior: PreparedBreast, current: PreparedBreast, change: ChangeMeasurement
) -> bytes:
    """Draw one labelled PNG: prior, aligned prior, current and the map over the current picture.

    A marked mass is outlined on both films, within the circle that was drawn; numbered circles on
    the current film are places to look at. An unregistered pair shows prior and current only, with
    the reason below.
    """
    frame = common_frame(prior=prior, current=current)
    shown_prior = as_colour(reading_gray(frame.prior, frame.prior_mask))
    gray = current_gray(current, change)
    shown_current = hung(as_colour(gray), current.chest_wall)  # back to the chest wall at the left
    if change.lesion is not None:
        before, after = marks_on_frame(change.lesion, prior=prior, current=current, frame=frame)
        _draw_lesion(shown_prior, before, change.lesion.prior_outline)
        _draw_lesion(shown_current, after, change.lesion.current_outline)
    shown_current = hung(shown_current, current.chest_wall)
    _draw_attention(shown_current, current, change)
    panels = [("Prior", hung(shown_prior, prior.chest_wall), prior)]
    if change.aligned_prior is not None:
        panels.append(("Prior, aligned", as_colour(aligned_gray(current, change)), prior))
    panels.append(("Current", shown_current, current))
    if change.ssim_map is not None:
        overlay = map_overlay(current, change)
        panels.append(("Similarity map", _blended(gray, overlay), current))
    return encode_png(_page([_panel(*each) for each in panels], change))


def _draw_lesion(picture: Colour, mark: Mark, outline: NDArray[np.bool_]) -> None:
    centre = round(mark.x), round(mark.y)
    cv2.circle(picture, centre, round(mark.radius), MARK_INK, 1, cv2.LINE_AA)
    cv2.drawContours(picture, contours_of(outline), -1, LESION_INK, 1, cv2.LINE_AA)


def _draw_attention(picture: Colour, current: PreparedBreast, change: ChangeMeasurement) -> None:
    """Number the places from the likeliest on, in a picture that is hung already."""
    places = attention_beside(change)
    if not places:
        return
    placement = grid_placement(current)
    for number, place in enumerate(places, start=1):
        mark = placement.to_grid(place.mark)
        x = mark.x if current.chest_wall == "left" else picture.shape[1] - 1 - mark.x
        centre, radius = (round(x), round(mark.y)), round(mark.radius)
        cv2.circle(picture, centre, radius, ATTENTION_INK, 1, cv2.LINE_AA)
        corner = centre[0] + radius + 2, centre[1] - radius
        cv2.putText(picture, str(number), corner, FONT, 0.45, ATTENTION_INK, 1, cv2.LINE_AA)


def attention_beside(change: ChangeMeasurement) -> list[AttentionMark]:
    """Return the places that do not lie in the marked lesion, which is looked at anyway."""
    if change.lesion is None:
        return list(change.attention)
    lesion = change.lesion.current_mark
    return [
        place
        for place in change.attention
        if np.hypot(place.mark.x - lesion.x, place.mark.y - lesion.y) > lesion.radius
    ]


def _blended(gray: Gray, overlay: Colour) -> Colour:
    opacity = MAP_OPACITY * (overlay[..., 3:] / 255)
    blended = (1 - opacity) * as_colour(gray) + opacity * overlay[..., :3]
    return blended.astype(np.uint8)


def _panel(title: str, picture: Colour, breast: PreparedBreast) -> Colour:
    """Draw a picture below its title, with laterality and view burnt into the free corner."""
    scale = PANEL_HEIGHT_PX / picture.shape[0]
    width = max(round(picture.shape[1] * scale), MIN_PANEL_WIDTH_PX)
    shown = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    panel = np.full((HEADER_PX + PANEL_HEIGHT_PX, width, 3), PAGE, np.uint8)
    left = 0 if breast.chest_wall == "left" else width - shown.shape[1]
    panel[HEADER_PX:, left : left + shown.shape[1]] = shown
    _write(panel, title, (2, 36), INK)
    mark = f"{breast.laterality or '?'} {breast.view or '?'}"
    right = width - _text_width(mark) - 10
    _write(panel, mark, (right if breast.chest_wall == "left" else 10, HEADER_PX + 34), INK)
    return panel


def _page(panels: Sequence[Colour], change: ChangeMeasurement) -> Colour:
    drawn = sum(each.shape[1] for each in panels) + GAP_PX * (len(panels) - 1)
    summary, has_map = _summary(change), change.ssim_map is not None
    width = max(
        drawn + 2 * GAP_PX,
        _text_width(summary) + 2 * GAP_PX + (LEGEND_WIDTH_PX if has_map else 0),
    )
    page = np.full((HEADER_PX + PANEL_HEIGHT_PX + FOOTER_PX, width, 3), PAGE, np.uint8)
    left = (width - drawn) // 2
    for panel in panels:
        page[: panel.shape[0], left : left + panel.shape[1]] = panel
        left += panel.shape[1] + GAP_PX
    below = HEADER_PX + PANEL_HEIGHT_PX
    _write(page, summary, (GAP_PX + 2, below + FIRST_LINE_PX), MUTED_INK)
    if has_map:
        _draw_legend(page, below + FIRST_LINE_PX)
    _draw_noise_band(page, change, below + SECOND_LINE_PX)
    return page


def _draw_noise_band(page: Colour, change: ChangeMeasurement, baseline: int) -> None:
    """Draw the probability with its interval on [0, 1]; the band is what is not reported."""
    threshold = reporting_threshold(change)
    if threshold is None or change.change_probability is None:
        return
    title = "probability of change  0"
    _write(page, title, (GAP_PX + 2, baseline), MUTED_INK)
    left = GAP_PX + 2 + _text_width(title) + 12
    length, height = BAND_PX
    top, middle = baseline - height, baseline - height // 2

    def at(probability: float) -> int:
        return left + round(probability * length)

    cv2.rectangle(page, (left, top), (at(threshold), baseline), BAND_INK, cv2.FILLED)
    cv2.rectangle(page, (left, top), (at(1), baseline), MUTED_INK, 1)
    low, high = change.change_interval or (change.change_probability,) * 2
    cv2.line(page, (at(low), middle), (at(high), middle), INK, 2, cv2.LINE_AA)
    cv2.circle(page, (at(change.change_probability), middle), 6, INK, cv2.FILLED, cv2.LINE_AA)
    x = at(1) + 12
    for text, ink in _key(change, threshold):
        _write(page, text, (x, baseline), ink)
        x += _text_width(text) + 36


def _key(change: ChangeMeasurement, threshold: float) -> list[tuple[str, tuple[int, int, int]]]:
    key = [(f"1     band: below {threshold:.2f} nothing is reported", MUTED_INK)]
    if change.lesion is not None:
        key.append(("outline: marked lesion", LESION_INK))
    if attention_beside(change):
        key.append(("circles: places to look at, no verdict", ATTENTION_INK))
    return key


def _draw_legend(page: Colour, baseline: int) -> None:
    """Draw the colour bar of the map at the lower right: differs 0, alike 1."""
    length, height = LEGEND_PX
    right = page.shape[1] - GAP_PX
    _write(page, "alike 1", (right - _text_width("alike 1"), baseline), MUTED_INK)
    right -= _text_width("alike 1") + 12
    ramp = np.tile(np.linspace(0, 255, length).astype(np.uint8), (height, 1))
    page[baseline - height : baseline, right - length : right] = cv2.applyColorMap(
        ramp, MAP_COLOURS
    )
    right -= length + 12 + _text_width("differs 0")
    _write(page, "differs 0", (right, baseline), MUTED_INK)


def _summary(change: ChangeMeasurement) -> str:
    words = [change.verdict.replace("_", " ")]
    if change.reason is not None:
        words.append(change.reason.replace("_", " "))
    if change.ssim is not None:
        words.append(f"SSIM {change.ssim:.3f}")
    if change.change_probability is not None:
        words.append(
            f"probability of change {_chance(change.change_probability)}{_interval(change)}"
        )
    if change.lesion is not None:
        words.append(f"lesion {_size(change.lesion)}")
    words.append(f"published 150 x 150 score {change.ssim_baseline:.3f}")
    return "   |   ".join([*words, change.algorithm_version])


def _interval(change: ChangeMeasurement) -> str:
    if change.change_interval is None:
        return ""
    low, high = map(_chance, change.change_interval)
    return f" ({low} to {high})"


def _chance(value: float) -> str:
    """Two decimals; the ends are never rounded to certainty."""
    return f"{min(max(value, 0.01), 0.99):.2f}" if 0 < value < 1 else f"{value:.0f}"


def _size(lesion: LesionChange) -> str:
    if not lesion.still_visible:
        return "no longer visible"
    if lesion.prior_mm is None or lesion.current_mm is None:
        return f"x {lesion.size_ratio:.2f}"
    return f"{lesion.prior_mm:.0f} to {lesion.current_mm:.0f} mm"


def _write(picture: Colour, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, at, FONT, FONT_SCALE, colour, 1, cv2.LINE_AA)


def _text_width(text: str) -> int:
    (width, _), _ = cv2.getTextSize(text, FONT, FONT_SCALE, 1)
    return int(width)
