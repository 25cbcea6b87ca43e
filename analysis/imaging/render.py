"""Pictures for people: PNG bytes of prior, current, similarity map and one labelled figure.

Breasts are shown as they were hung: the chest wall lies where it lies in the current picture.
"""

import json
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import PreparedBreast
from analysis.imaging.change import LesionChange
from analysis.imaging.comparison import ChangeMeasurement
from analysis.imaging.errors import ImagingError
from analysis.imaging.photometry import tissue_window, window_on_tissue
from analysis.imaging.processing import processing_views
from analysis.imaging.segmentation import Side

MAP_COLOURS = cv2.COLORMAP_CIVIDIS
"""Dark blue where the pictures differ (0), yellow where they are alike (1); readable in
colour-blindness."""
MAP_OPACITY = 0.62

PANEL_HEIGHT_PX = 760
GAP_PX = 18
HEADER_PX = 56
FOOTER_PX = 84
PAGE = (20, 17, 15)
INK = (228, 224, 220)
MUTED_INK = (160, 154, 148)
LESION_INK = (90, 200, 255)
"""Colours are (blue, green, red), as OpenCV has them."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_SCALE = 0.7
LEGEND_PX = (220, 14)
LEGEND_WIDTH_PX = 460
MIN_PANEL_WIDTH_PX = 180
DARKEST_SHOWN = 0.05
"""The reading window opens no higher than this, so that the skin line stays visible."""

Gray = NDArray[np.uint8]
Colour = NDArray[np.uint8]


def comparison_pictures(
    *, prior: PreparedBreast, current: PreparedBreast, change: ChangeMeasurement
) -> dict[str, bytes]:
    """Render what a comparison page shows, by file name.

    Returns
    -------
    dict of str to bytes
        ``prior.png``, ``current.png``; ``aligned_prior.png`` and ``ssim_map.png`` (transparent
        outside the common breast, of the shape of ``current.png``) where the pair is registered;
        the processing views of the current picture ``grayscale.png``, ``denoised.png``,
        ``edges.png``, ``threshold.png``; and ``histogram.json`` with 256 ``counts``.
    """
    views = processing_views(current.source)
    pictures = {
        "prior.png": encode_png(_hung(_reading_gray(prior.image, prior.mask), prior.chest_wall)),
        "current.png": encode_png(current_gray(current, change)),
        "grayscale.png": encode_png(views.grayscale),
        "denoised.png": encode_png(views.denoised),
        "edges.png": encode_png(views.edges),
        "threshold.png": encode_png(views.threshold),
        "histogram.json": json.dumps({"counts": views.histogram.tolist()}).encode(),
    }
    if change.aligned_prior is not None:
        pictures["aligned_prior.png"] = encode_png(aligned_gray(current, change))
        pictures["ssim_map.png"] = encode_png(map_overlay(current, change))
    return pictures


def comparison_figure(
    *, prior: PreparedBreast, current: PreparedBreast, change: ChangeMeasurement
) -> bytes:
    """Draw one labelled PNG: prior, aligned prior, current and the map over the current picture.

    An unregistered pair shows prior and current only, with the reason below.
    """
    side = _hung(_reading_gray(prior.image, prior.mask), prior.chest_wall)
    gray = current_gray(current, change)
    shown_prior, shown_current = _as_colour(side), _as_colour(gray)
    if change.lesion is not None:
        _draw_outline(shown_prior, change.lesion.prior_outline, prior.chest_wall)
        _draw_outline(shown_current, change.lesion.current_outline, current.chest_wall)
    panels = [("Prior", shown_prior, prior)]
    if change.aligned_prior is not None:
        panels.append(("Prior, aligned", _as_colour(aligned_gray(current, change)), prior))
    panels.append(("Current", shown_current, current))
    if change.ssim_map is not None:
        overlay = map_overlay(current, change)
        panels.append(("Similarity map", _blended(gray, overlay), current))
    drawn = [_panel(title, picture, breast) for title, picture, breast in panels]
    return encode_png(_page(drawn, _summary(change), with_legend=change.ssim_map is not None))


def current_gray(current: PreparedBreast, change: ChangeMeasurement) -> Gray:
    """Return the current picture in its reading window; on the common frame when registered."""
    image = current.image
    if change.current_image is not None:
        image = change.current_image
    window = _window(current.image, current.mask)
    return _hung(_gray(image, window), current.chest_wall)


def aligned_gray(current: PreparedBreast, change: ChangeMeasurement) -> Gray:
    """Return the aligned prior in the reading window of the current picture."""
    if change.aligned_prior is None:
        raise ImagingError("not_registered", "Expected a registered pair; it has no aligned prior.")
    window = _window(current.image, current.mask)
    return _hung(_gray(change.aligned_prior, window), current.chest_wall)


def map_overlay(current: PreparedBreast, change: ChangeMeasurement) -> Colour:
    """Return the similarity map as (rows, cols, 4) BGRA, transparent outside the mask."""
    if change.ssim_map is None or change.mask is None:
        raise ImagingError("not_registered", "Expected a registered pair; it has no map.")
    levels = cv2.convertScaleAbs(np.clip(change.ssim_map, 0, 1), alpha=255)
    colours = cv2.applyColorMap(levels, MAP_COLOURS)
    overlay = np.asarray(cv2.cvtColor(colours, cv2.COLOR_BGR2BGRA), np.uint8)
    overlay[~change.mask] = 0
    return _hung(overlay, current.chest_wall)


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """Return a gray, BGR or BGRA picture as PNG."""
    encoded, buffer = cv2.imencode(".png", picture)
    if not encoded:
        raise ImagingError("not_encodable", f"Expected a picture; {picture.shape} arrived.")
    return buffer.tobytes()


def _window(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[float, float]:
    return tissue_window(image, mask) if mask.any() else (0.0, 1.0)


def _reading_gray(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> Gray:
    return _gray(image, _window(image, mask))


def _gray(image: NDArray[np.float32], window: tuple[float, float]) -> Gray:
    darkest, brightest = window
    shown = window_on_tissue(image, darkest=min(darkest, DARKEST_SHOWN), brightest=brightest)
    return np.asarray(cv2.convertScaleAbs(shown, alpha=255), np.uint8)


def _hung(picture: NDArray[np.uint8], chest_wall: Side) -> NDArray[np.uint8]:
    return picture if chest_wall == "left" else np.ascontiguousarray(picture[:, ::-1])


def _as_colour(gray: Gray) -> Colour:
    return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)


def _blended(gray: Gray, overlay: Colour) -> Colour:
    opacity = MAP_OPACITY * (overlay[..., 3:] / 255)
    blended = (1 - opacity) * _as_colour(gray) + opacity * overlay[..., :3]
    return blended.astype(np.uint8)


def _draw_outline(picture: Colour, outline: NDArray[np.bool_], chest_wall: Side) -> None:
    """Draw the border of a lesion; the common frame may be larger than the picture."""
    fitted = np.zeros(picture.shape[:2], np.uint8)
    rows, cols = np.minimum(fitted.shape, outline.shape)
    fitted[:rows, :cols] = outline[:rows, :cols]
    contours, _ = cv2.findContours(
        _hung(fitted, chest_wall), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(picture, contours, -1, LESION_INK, 1, cv2.LINE_AA)


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


def _page(panels: Sequence[Colour], summary: str, *, with_legend: bool) -> Colour:
    drawn = sum(each.shape[1] for each in panels) + GAP_PX * (len(panels) - 1)
    width = max(
        drawn + 2 * GAP_PX,
        _text_width(summary) + 2 * GAP_PX + (LEGEND_WIDTH_PX if with_legend else 0),
    )
    page = np.full((HEADER_PX + PANEL_HEIGHT_PX + FOOTER_PX, width, 3), PAGE, np.uint8)
    left = (width - drawn) // 2
    for panel in panels:
        page[: panel.shape[0], left : left + panel.shape[1]] = panel
        left += panel.shape[1] + GAP_PX
    baseline = HEADER_PX + PANEL_HEIGHT_PX + 52
    _write(page, summary, (GAP_PX + 2, baseline), MUTED_INK)
    if with_legend:
        _draw_legend(page, baseline)
    return page


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
        words.append(f"probability of change {change.change_probability:.2f}{_interval(change)}")
    if change.lesion is not None:
        words.append(f"lesion {_size(change.lesion)}")
    words.append(f"published 150 x 150 score {change.ssim_baseline:.3f}")
    return "   |   ".join([*words, change.algorithm_version])


def _interval(change: ChangeMeasurement) -> str:
    if change.change_interval is None:
        return ""
    low, high = change.change_interval
    return f" ({low:.2f} to {high:.2f})"


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
