"""Where each place of the current film lies on the prior, as a small grid that a viewer draws by.

The field is known on the working grid, in which neither film is stored. Here it is carried to
the films as acquired: places are shares of a film's width and height, so that a reader needs to
know nothing of boxes, mirroring and scales.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import PreparedBreast
from analysis.imaging.comparison import ChangeMeasurement
from analysis.imaging.errors import ImagingError
from analysis.imaging.frame import prior_scale

NODE_PX = 4
"""Working pixels between two nodes: 1.6 mm. The field is smooth over 20 mm and the similarity map
is measured at 1.6 mm."""

Grid = NDArray[np.float32]
Places = tuple[NDArray[np.float64], NDArray[np.float64]]


def correspondence(
    *, prior: PreparedBreast, current: PreparedBreast, change: ChangeMeasurement
) -> bytes:
    """Return the grid of a registered pair as little-endian float32.

    Returns
    -------
    bytes
        ``rows``, ``columns`` and ``points``; then ``points`` pairs of intensities, of the prior
        and of the current film, in [0, 1], between which the gray match is linear; then for each
        node, row by row, its place on the prior across and down, as shares of the prior's width
        and height (outside [0, 1] where the prior does not reach), the SSIM there, and 1 where
        that was measured, else 0. Node (i, j) stands at ((j + 0.5) / columns, (i + 0.5) / rows)
        of the current film.

    Raises
    ------
    ImagingError
        ``not_registered``.
    """
    if change.gray_match is None:
        raise ImagingError("not_registered", "Expected a registered pair; it has no field.")
    nodes = grid(prior=prior, current=current, change=change)
    head = np.array([*nodes.shape[:2], len(change.gray_match)])
    parts = (head, change.gray_match.ravel(), nodes.ravel())
    return np.concatenate(parts).astype("<f4").tobytes()


def grid(*, prior: PreparedBreast, current: PreparedBreast, change: ChangeMeasurement) -> Grid:
    """Return the nodes of ``correspondence`` as (rows, columns, 4)."""
    if change.displacement is None or change.ssim_map is None or change.mask is None:
        raise ImagingError("not_registered", "Expected a registered pair; it has no field.")
    rows, columns = _node_counts(current)
    across, down = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
    cols_px, rows_px = _to_working(current, (across, down), scale=1.0)
    where = cols_px.astype(np.float32), rows_px.astype(np.float32)
    shift = cv2.remap(
        change.displacement, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    similarity, measured = (
        cv2.remap(each.astype(np.float32), *where, cv2.INTER_LINEAR)
        for each in (change.ssim_map, change.mask)
    )
    on_prior = cols_px + shift[..., 0], rows_px + shift[..., 1]
    scale = prior_scale(prior=prior, current=current)
    to_across, to_down = _from_working(prior, on_prior, scale=scale)
    nodes = [to_across, to_down, similarity, measured > 0.5]
    return np.stack(nodes, axis=-1).astype(np.float32)


def _node_counts(breast: PreparedBreast) -> tuple[int, int]:
    rows, columns = breast.source.shape
    node_px = NODE_PX * _box_height(breast) / breast.image.shape[0]
    return max(2, round(rows / node_px)), max(2, round(columns / node_px))


def _box_height(breast: PreparedBreast) -> int:
    down, _ = breast.box
    return int(down.stop - down.start)


def _to_working(breast: PreparedBreast, shares: Places, *, scale: float) -> Places:
    """Shares of the film's width and height as (column, row) of the working grid, chest wall at
    the left; ``scale`` is that of ``frame.prior_scale``."""
    (rows, columns), (down, across) = breast.source.shape, breast.box
    in_box_across = (shares[0] * columns - across.start) / (across.stop - across.start)
    in_box_down = (shares[1] * rows - down.start) / (down.stop - down.start)
    if breast.chest_wall == "right":
        in_box_across = 1 - in_box_across
    height, width = breast.image.shape
    return in_box_across * width * scale - 0.5, in_box_down * height * scale - 0.5


def _from_working(breast: PreparedBreast, places: Places, *, scale: float) -> Places:
    """The inverse of ``_to_working``."""
    (rows, columns), (down, across) = breast.source.shape, breast.box
    height, width = breast.image.shape
    in_box_across = (places[0] + 0.5) / (width * scale)
    in_box_down = (places[1] + 0.5) / (height * scale)
    if breast.chest_wall == "right":
        in_box_across = 1 - in_box_across
    return (
        (across.start + in_box_across * (across.stop - across.start)) / columns,
        (down.start + in_box_down * (down.stop - down.start)) / rows,
    )
