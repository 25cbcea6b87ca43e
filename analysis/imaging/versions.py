"""The versions results are stored under. Apart, so that reading them loads no OpenCV."""

PREPARATION_VERSION = "prepare-2"
SAME_PICTURES = ("prepare-1", "prepare-2")
"""Preparations that make the same picture of a film that both let through, so that what was trained
on one reads the other. ``prepare-2`` also refuses blurred films."""
CHANGE_ALGORITHM = "registered-change-2"
SSIM_ALGORITHM = "registered-ssim-1"
BASELINE_ALGORITHM = "paper-ssim-150"
DEFAULT_ALGORITHM = CHANGE_ALGORITHM
ALGORITHMS = (CHANGE_ALGORITHM, SSIM_ALGORITHM, BASELINE_ALGORITHM)
