"""The map of what changed as a Secondary Capture, in the study of the current picture."""

from io import BytesIO

import numpy as np
from highdicom.sc import SCImage
from PIL import Image
from pydicom.dataset import Dataset

from analysis.dicom_out.report import MANUFACTURER, as_evidence, date_as_recorded
from analysis.models import Recommendation
from analysis.pictures import picture_path
from mammotrack.errors import NotFound
from scans.errors import ScanFileError
from scans.media import DamagedPicture
from scans.models import Mammogram, uid_of
from scans.storage import read_verified


def change_map(row: Recommendation) -> Dataset:
    """The picture a page shows, or ``NotFound`` where none was made."""
    if row.comparison is None or row.prior is None:
        raise NotFound("There is no map: nothing was compared.")
    try:
        content = read_verified(picture_path(row.comparison, "ssim_map"))
    except FileNotFoundError as error:
        raise NotFound("There is no map: the pictures could not be registered.") from error
    except ScanFileError as error:
        raise DamagedPicture("The stored map is damaged and is not sent.") from error
    with Image.open(BytesIO(content)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    capture = SCImage.from_ref_dataset(
        as_evidence(row.current),
        pixel_array=pixels,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        series_instance_uid=uid_of(f"map-series:{row.pk}"),
        series_number=9002,
        series_description="Map of change, not for diagnosis",
        sop_instance_uid=uid_of(f"map:{row.pk}"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        patient_orientation=("A", "F"),
        laterality=row.current.laterality,
    )
    capture.SpecificCharacterSet = "ISO_IR 192"
    del capture.PatientOrientation  # not known for every view; the library demands one
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.BurnedInAnnotation = "NO"
    capture.SoftwareVersions = row.comparison.algorithm_version
    capture.DerivationDescription = (
        f"Structural similarity of prior and current by {row.comparison.algorithm_version}"
    )
    capture.SourceImageSequence = [_source(row.prior), _source(row.current)]
    date_as_recorded(capture, row)
    capture.DateOfSecondaryCapture = capture.ContentDate
    capture.TimeOfSecondaryCapture = capture.ContentTime
    return capture


def _source(mammogram: Mammogram) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = mammogram.sop_class_uid
    item.ReferencedSOPInstanceUID = mammogram.sop_instance_uid
    return item
