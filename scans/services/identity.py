"""Whose picture it is: the file's identity held against the chosen patient's."""

from dataclasses import dataclass
from datetime import date

from patients.models import Patient, normalise_record_number
from patients.names import fold
from patients.partial_dates import PartialDate
from patients.selectors import record_number_keys
from scans.choices import Identifier
from scans.header import MammogramHeader
from scans.services.refusals import IdentityUnconfirmed, PatientMismatch
from scans.services.statement import Statement

FEWEST_IDENTIFIERS = 2
MIN_REASON_CHARACTERS = 5


@dataclass(frozen=True, kw_only=True)
class IdentityCheck:
    """How it was made sure whose picture it is; goes into the audit entry."""

    confirmed_identifiers: list[str]
    identity_reason: str
    differing: list[str]


def check_patient(header: MammogramHeader, patient: Patient, statement: Statement) -> IdentityCheck:
    """Hold the file's identity against the chosen patient's, and ask for two identifiers.

    A file that states two of record number, birth date and name, as the patient's, needs nobody
    to confirm them. A file that differs is refused unless a person says why it is right.
    """
    pairs = {
        "medical_record_number": (
            normalise_record_number(header.patient_id or ""),
            record_number_keys(patient),
        ),
        "birth_date": (header.patient_birth_date, patient.born),
        "sex": (header.patient_sex, patient.sex),
    }
    stated = {name: pair for name, pair in pairs.items() if pair[0]}
    differing = sorted(name for name, pair in stated.items() if not _same(*pair))
    reason = statement.identity_reason.strip()
    if differing and len(reason) < MIN_REASON_CHARACTERS:
        table = {
            name: {"file": str(in_file or ""), "record": str(on_record)}
            for name, (in_file, on_record) in pairs.items()
        }
        table["medical_record_number"] = {  # compared by its signs, told as it is written
            "file": header.patient_id or "",
            "record": patient.medical_record_number,
        }
        raise PatientMismatch(
            "The file names another patient: " + ", ".join(differing) + " differ.",
            fields={name: table[name] for name in differing},
            compared=table,
        )
    by_file = {name for name in stated if name in Identifier.values} - set(differing)
    if header.patient_name and agrees_with_name(header.patient_name, patient):
        by_file.add(Identifier.NAME)  # another name is no contradiction: people marry
    confirmed = sorted(by_file | set(statement.confirmed_identifiers) & set(Identifier.values))
    if len(confirmed) < FEWEST_IDENTIFIERS:
        raise IdentityUnconfirmed(
            "Compare two identifiers of the patient with the request, and say which.",
            confirmed=confirmed,
            needed=FEWEST_IDENTIFIERS,
        )
    return IdentityCheck(
        confirmed_identifiers=confirmed,
        identity_reason=reason if differing else "",
        differing=differing,
    )


def _same(in_file: object, on_record: object) -> bool:
    if isinstance(in_file, date) and isinstance(on_record, PartialDate):
        return on_record.may_be(in_file)
    return in_file in on_record if isinstance(on_record, set) else in_file == on_record


def agrees_with_name(in_file: str, patient: Patient) -> bool:
    """``family^given``, whatever the case and the accents."""
    family, _, given = in_file.partition("^")
    return (fold(family), fold(given)) == (fold(patient.family_name), fold(patient.given_name))
