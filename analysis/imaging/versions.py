"""The versions results are stored under. Apart, so that reading them loads no OpenCV."""

PREPARATION_VERSION = "prepare-1"
DEFAULT_ALGORITHM = "registered-ssim-1"
BASELINE_ALGORITHM = "paper-ssim-150"
ALGORITHMS = (DEFAULT_ALGORITHM, BASELINE_ALGORITHM)
