"""Pictures for the pages, as PNG bytes: both films, the similarity map, the marked lesion."""

import json

import cv2
import numpy as np

from analysis.imaging.breast import PreparedBreast
from analysis.imaging.comparison import ChangeMeasurement
from analysis.imaging.correspondence import correspondence
from analysis.imaging.errors import ImagingError
from analysis.imaging.film_display import (
    Colour,
    Gray,
    encode_png,
    hung,
    in_window,
    reading_gray,
    reading_window,
)
from analysis.imaging.lesion_pictures import lesion_pictures
from analysis.imaging.processing import processing_views

MAP_COLOURS = cv2.COLORMAP_CIVIDIS
"""Dark blue where the pictures differ (0), yellow where they are alike (1); readable in
colour-blindness."""


def comparison_pictures(
    *, prior: PreparedBreast, current: PreparedBreast, change: ChangeMeasurement
) -> dict[str, bytes]:
    """Render what a comparison page shows, by file name.

    Returns
    -------
    dict of str to bytes
        ``prior.png``, ``current.png``; ``aligned_prior.png`` and ``ssim_map.png`` (transparent
        outside the common breast, of the shape of ``current.png``) and ``correspondence.f32``
        (see ``correspondence``) where the pair is registered;
        ``lesion_prior.png`` and ``lesion_current.png`` where a mass was marked; the processing
        views of the current picture ``grayscale.png``, ``denoised.png``, ``edges.png``,
        ``threshold.png``; and ``histogram.json`` with 256 ``counts``.
    """
    views = processing_views(current.source)
    pictures = {
        "prior.png": encode_png(hung(reading_gray(prior.image, prior.mask), prior.chest_wall)),
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
        pictures["correspondence.f32"] = correspondence(prior=prior, current=current, change=change)
    if change.lesion is not None:
        pictures |= lesion_pictures(prior=prior, current=current, lesion=change.lesion)
    return pictures


def current_gray(current: PreparedBreast, change: ChangeMeasurement) -> Gray:
    """Return the current picture in its reading window; on the common frame when registered."""
    image = current.image
    if change.current_image is not None:
        image = change.current_image
    window = reading_window(current.image, current.mask)
    return hung(in_window(image, window), current.chest_wall)


def aligned_gray(current: PreparedBreast, change: ChangeMeasurement) -> Gray:
    """Return the aligned prior in the reading window of the current picture."""
    if change.aligned_prior is None:
        raise ImagingError("not_registered", "Expected a registered pair; it has no aligned prior.")
    window = reading_window(current.image, current.mask)
    return hung(in_window(change.aligned_prior, window), current.chest_wall)


def map_overlay(current: PreparedBreast, change: ChangeMeasurement) -> Colour:
    """Return the similarity map as (rows, cols, 4) BGRA, transparent outside the mask."""
    if change.ssim_map is None or change.mask is None:
        raise ImagingError("not_registered", "Expected a registered pair; it has no map.")
    levels = cv2.convertScaleAbs(np.clip(change.ssim_map, 0, 1), alpha=255)
    colours = cv2.applyColorMap(levels, MAP_COLOURS)
    overlay = np.asarray(cv2.cvtColor(colours, cv2.COLOR_BGR2BGRA), np.uint8)
    overlay[~change.mask] = 0
    return hung(overlay, current.chest_wall)
