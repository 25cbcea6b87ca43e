"""The versions results are stored under. Apart, so that reading them loads no OpenCV."""

PREPARATION_VERSION = "prepare-1"
CHANGE_ALGORITHM = "registered-change-2"
SSIM_ALGORITHM = "registered-ssim-1"
BASELINE_ALGORITHM = "paper-ssim-150"
DEFAULT_ALGORITHM = CHANGE_ALGORITHM
ALGORITHMS = (CHANGE_ALGORITHM, SSIM_ALGORITHM, BASELINE_ALGORITHM)
