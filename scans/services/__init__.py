"""Writes of mammograms."""

from scans.services.identity import agrees_with_name
from scans.services.receiving import (
    decoded_file,
    in_use,
    object_store,
    put_away,
    received_file,
    remove_unused,
)
from scans.services.refusals import IdentityUnconfirmed, PatientMismatch
from scans.services.statement import Statement
from scans.services.storing import Stored, check_exam_within_life, keep_for, store_mammogram

__all__ = [
    "IdentityUnconfirmed",
    "PatientMismatch",
    "Statement",
    "Stored",
    "agrees_with_name",
    "check_exam_within_life",
    "decoded_file",
    "in_use",
    "keep_for",
    "object_store",
    "put_away",
    "received_file",
    "remove_unused",
    "store_mammogram",
]
