"""An exam with its pictures, as the PACS knows them."""

from analysis.fhir import codes
from analysis.fhir.codes import Json, coding, concept
from analysis.fhir.resources.elements import day, filled, resource, subject
from scans.models import Exam, Mammogram


def imaging_study(row: Exam) -> Json:
    pictures = list(row.mammograms.order_by("laterality", "view", "pk"))
    series: dict[str, list[Mammogram]] = {}
    for picture in pictures:
        series.setdefault(picture.series_uid, []).append(picture)
    accession = {
        "type": concept(coding(codes.V2_IDENTIFIER, "ACSN")),
        "value": row.accession_number,
    }
    return resource("ImagingStudy", row) | filled(
        identifier=[
            {"system": codes.DICOM_UID, "value": f"urn:oid:{row.study_instance_uid}"},
            *([accession] if row.accession_number else []),
        ],
        status="available",
        modality=[coding(codes.DCM, "MG", "Mammography")],
        subject=subject(row),
        started=day(row.exam_date),
        numberOfSeries=len(series),
        numberOfInstances=len(pictures),
        series=[_series(uid, group) for uid, group in series.items()],
    )


def _series(uid: str, pictures: list[Mammogram]) -> Json:
    sides = {picture.laterality for picture in pictures}
    side = coding(codes.SCT, *codes.LATERALITY[sides.pop()]) if len(sides) == 1 else None
    return filled(
        uid=uid,
        modality=coding(codes.DCM, "MG", "Mammography"),
        numberOfInstances=len(pictures),
        bodySite=coding(codes.SCT, "76752008", "Breast structure"),
        laterality=side,
        instance=[
            {
                "uid": picture.sop_instance_uid,
                "sopClass": coding("urn:ietf:rfc:3986", f"urn:oid:{picture.sop_class_uid}"),
                "title": str(picture.position),
            }
            for picture in pictures
        ],
    )
