"""The same comparison as a competent user of SimpleITK and scikit-image would write it.

Affine by mutual information, then a B-spline grid, each from coarse to fine; SSIM with a Gaussian
window inside the breast. Nothing of ours takes part in it but the arrays it is handed.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image as PilImage
from skimage.feature import canny
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label, regionprops
from skimage.metrics import structural_similarity
from skimage.morphology import opening
from skimage.transform import rescale

SPACING_MM = 0.4
GRID_NODES_MM = 50.0
"""Of 30 and 50 mm the one of the smaller error on simulated pairs."""
HISTOGRAM_BINS = 32
SAMPLED_SHARE = 0.2
SEED = 20250101
LEVELS = ([4, 2, 1], [2.0, 1.0, 0.0])
"""Shrink factors and smoothing (px) of the three resolutions."""
AFFINE_ROUNDS, SPLINE_ROUNDS = 100, 30
LABEL_PX = 15
VIEW_PX = 800

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Film:
    """A film on a grid of 0.4 mm, chest wall at the left, background 0."""

    image: Image
    mask: Mask


@dataclass(frozen=True, eq=False)
class Comparison:
    """What was found.

    Attributes
    ----------
    displacement : (rows, cols, 2) float32 ndarray
        Add to (column, row) of the current film to get the place on the prior, px.
    warped_prior : (rows, cols) float32 ndarray
    ssim : float
        Mean of ``ssim_map`` inside ``mask``.
    ssim_map : (rows, cols) float32 ndarray
    mask : (rows, cols) bool ndarray
        Where both films show the breast.
    """

    displacement: Image
    warped_prior: Image
    ssim: float
    ssim_map: Image
    mask: Mask


def read_film(path: Path) -> Image:
    """Read the gray values of a DICOM file, in [0, 1]."""
    pixels = pydicom.dcmread(path).pixel_array
    return np.asarray(pixels.astype(np.float32) / np.iinfo(pixels.dtype).max)


def write_film(folder: Path, *, name: str, pixels: Image) -> None:
    """Keep a film as a lossless 16-bit picture, and smaller for the screen and for lists."""
    PilImage.fromarray(np.round(pixels * 65535).astype(np.uint16)).save(folder / f"{name}.film.png")
    shown = PilImage.fromarray((pixels * 255).astype(np.uint8))
    for kind, height in (("display", 1600), ("thumbnail", 240)):
        shown = shown.resize((round(shown.width * height / shown.height), height))
        shown.save(folder / f"{name}.{kind}.jpg", quality=90)


def prepare_film(pixels: Image, *, spacing_mm: float) -> Film:
    """Resample to 0.4 mm, keep the largest bright region and turn its chest wall to the left."""
    small = rescale(pixels, spacing_mm / SPACING_MM, anti_aliasing=True).astype(np.float32)
    bright = opening(small > 0.5 * threshold_otsu(small), np.ones((LABEL_PX, LABEL_PX), bool))
    breast = max(regionprops(label(bright)), key=lambda region: region.area)
    image, mask = small[breast.slice], breast.image_filled
    if mask[:, : mask.shape[1] // 2].sum() < mask[:, mask.shape[1] // 2 :].sum():
        image, mask = image[:, ::-1], mask[:, ::-1]
    return Film(np.where(mask, image, np.float32(0)), np.ascontiguousarray(mask))


def compare_films(prior: Film, current: Film) -> Comparison:
    """Register the prior to the current film and measure SSIM; both at 0.4 mm."""
    fixed, moving = _image(current.image), _image(prior.image)
    fixed_mask, moving_mask = _image(current.mask), _image(prior.mask)
    affine = _affine(fixed, moving, fixed_mask)
    spline = _spline(fixed, moving, fixed_mask, affine)
    transform = sitk.CompositeTransform([affine, spline])
    warped = _array(sitk.Resample(moving, fixed, transform, sitk.sitkLinear, 0.0))
    covered = _array(sitk.Resample(moving_mask, fixed, transform, sitk.sitkNearestNeighbor, 0.0))
    field = sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat32, fixed.GetSize(), [0.0, 0.0], [SPACING_MM, SPACING_MM]
    )
    mask = current.mask & (covered > 0.5)
    score, ssim_map = structural_similarity(
        current.image,
        warped,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return Comparison(
        displacement=np.asarray(sitk.GetArrayFromImage(field) / SPACING_MM, np.float32),
        warped_prior=warped,
        ssim=float(ssim_map[mask].mean()) if mask.any() else float(score),
        ssim_map=ssim_map.astype(np.float32),
        mask=mask,
    )


def write_pictures(
    folder: Path, *, prior: Film, current: Film, current_pixels: Image, found: Comparison
) -> None:
    """Write the pictures of a comparison page: four of the pair, four of the processing."""
    small = rescale(current_pixels, VIEW_PX / max(current_pixels.shape), anti_aliasing=True)
    smooth = gaussian(small, 1.0)
    coloured = colormaps["cividis"](np.clip(found.ssim_map, 0, 1))
    coloured[~found.mask] = 0
    pictures = {
        "prior": prior.image,
        "current": current.image,
        "aligned_prior": found.warped_prior,
        "ssim_map": coloured,
        "grayscale": small,
        "denoised": smooth,
        "edges": canny(smooth).astype(np.float32),
        "threshold": np.where(smooth > threshold_otsu(smooth), smooth, 0),
    }
    for name, picture in pictures.items():
        gray = np.clip(picture * 255, 0, 255).astype(np.uint8)
        PilImage.fromarray(gray).save(folder / f"{name}.png")


def _affine(fixed: sitk.Image, moving: sitk.Image, fixed_mask: sitk.Image) -> sitk.Transform:
    start = sitk.CenteredTransformInitializer(
        fixed, moving, sitk.AffineTransform(2), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    method = _method(fixed_mask)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, AFFINE_ROUNDS)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=False)
    return method.Execute(fixed, moving)


def _spline(
    fixed: sitk.Image, moving: sitk.Image, fixed_mask: sitk.Image, affine: sitk.Transform
) -> sitk.Transform:
    mesh = [max(1, round(size * SPACING_MM / GRID_NODES_MM)) for size in fixed.GetSize()]
    method = _method(fixed_mask)
    method.SetOptimizerAsLBFGSB(1e-5, SPLINE_ROUNDS)
    method.SetMovingInitialTransform(affine)
    method.SetInitialTransform(sitk.BSplineTransformInitializer(fixed, mesh), inPlace=True)
    return method.Execute(fixed, moving)


def _method(fixed_mask: sitk.Image) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(HISTOGRAM_BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(SAMPLED_SHARE, SEED)
    method.SetMetricFixedMask(sitk.Cast(fixed_mask, sitk.sitkUInt8))
    method.SetInterpolator(sitk.sitkLinear)
    factors, smoothing = LEVELS
    method.SetShrinkFactorsPerLevel(factors)
    method.SetSmoothingSigmasPerLevel(smoothing)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    return method


def _image(array: Image | Mask) -> sitk.Image:
    image = sitk.GetImageFromArray(array.astype(np.float32))
    image.SetSpacing([SPACING_MM, SPACING_MM])
    return image


def _array(image: sitk.Image) -> Image:
    return np.asarray(sitk.GetArrayFromImage(image), np.float32)
