"""Why a file is not stored as this patient's; the codes are those of ``docs/limits.md``."""

from mammotrack.errors import Conflict, Inconsistent, Rejected


class HeaderConflict(Conflict):
    """The file says one thing and the form another; a person has to look."""

    code = "header_conflict"


class PatientMismatch(Conflict):
    """The file names somebody else."""

    code = "patient_mismatch"


class IdentityUnconfirmed(Rejected):
    """Neither the file nor a person says by two identifiers whose picture it is."""

    code = "identity_unconfirmed"


class PixelsOfAnotherPatient(Conflict):
    """One picture cannot be of two people: somebody has to find out whose it is."""

    code = "pixels_of_another_patient"


class DuplicatePixels(Conflict):
    code = "duplicate_pixels"


class SopInstanceConflict(Conflict):
    code = "sop_instance_conflict"


class MissingPosition(Rejected):
    code = "missing_position"


class InvalidExamDate(Rejected):
    code = "invalid_exam_date"


class BirthAfterExam(Inconsistent):
    code = "birth_after_exam"


class ExamAfterDeath(Inconsistent):
    code = "exam_after_death"
