"""The proposal for every kind of evidence, and that its trace tells the whole story."""

from dataclasses import replace

import pytest

from analysis.choices import Proposal
from analysis.guideline import (
    RULES,
    ChangeFinding,
    ClinicalRecord,
    Evidence,
    ImageFinding,
    propose,
)

BENIGN = ImageFinding(assessable=True, reasons=(), category=2, suspicious_probability=0.05)
SUSPICIOUS = ImageFinding(assessable=True, reasons=(), category=5, suspicious_probability=0.9)
UNREADABLE = ImageFinding(
    assessable=False, reasons=("blank",), category=None, suspicious_probability=None
)
UNCHANGED = ChangeFinding(
    comparable=True,
    reason=None,
    verdict="no_detectable_change",
    ssim=0.95,
    change_probability=0.1,
)
DIFFERENT = replace(
    UNCHANGED, verdict="changed_direction_unclear", ssim=0.1, change_probability=0.97
)
INCOMPARABLE = ChangeFinding(
    comparable=False,
    reason="registration_failed",
    verdict="not_comparable",
    ssim=None,
    change_probability=None,
)
MIDWAY = ClinicalRecord(
    on_chemotherapy=True, cycles_given=4, cycles_planned=8, malignancy_proven=True
)
COMPLETE = replace(MIDWAY, cycles_given=8)
UNTREATED = ClinicalRecord(
    on_chemotherapy=False, cycles_given=0, cycles_planned=None, malignancy_proven=False
)


def evidence(current=BENIGN, prior=BENIGN, change=UNCHANGED, record=MIDWAY) -> Evidence:
    return Evidence(current=current, prior=prior, change=change, record=record)


@pytest.mark.parametrize(
    ("given", "rule", "proposal"),
    [
        (evidence(current=UNREADABLE), "IMAGE-1", Proposal.NOT_ASSESSABLE),
        (evidence(current=SUSPICIOUS, record=UNTREATED), "SUSPICION-1", Proposal.REFER),
        (evidence(current=SUSPICIOUS), "SUSPICION-2", Proposal.REFER),
        (
            evidence(current=SUSPICIOUS, prior=SUSPICIOUS),
            "THERAPY-3",
            Proposal.CONTINUE_CHEMOTHERAPY,
        ),
        (evidence(prior=None, change=None), "CHANGE-1", Proposal.NOT_ASSESSABLE),
        (evidence(change=INCOMPARABLE), "CHANGE-1", Proposal.NOT_ASSESSABLE),
        (evidence(change=replace(UNCHANGED, verdict="progression")), "CHANGE-2", Proposal.REFER),
        (evidence(change=DIFFERENT), "CHANGE-3", Proposal.REFER),
        (evidence(record=UNTREATED), "THERAPY-1", Proposal.NOT_ASSESSABLE),
        (evidence(record=COMPLETE), "THERAPY-2", Proposal.SHIFT_TO_NORMAL_MEDICATION),
        (evidence(), "THERAPY-3", Proposal.CONTINUE_CHEMOTHERAPY),
        (evidence(record=None), "THERAPY-3", Proposal.CONTINUE_CHEMOTHERAPY),
    ],
)
def test_first_rule_that_fires_decides(given, rule, proposal):
    outcome = propose(given)

    deciding = [entry["rule"] for entry in outcome.trace if entry.get("decides")]
    assert deciding == [outcome.deciding_rule] == [rule]
    assert outcome.proposal == proposal


def test_low_similarity_never_proposes_a_shift():
    """However complete the therapy and however benign the picture."""
    assert propose(evidence(change=DIFFERENT, record=COMPLETE)).proposal == Proposal.REFER


@pytest.mark.parametrize(
    "change_of_mind",
    [
        {"record": MIDWAY},
        {"record": None},
        {"record": UNTREATED},
        {"current": replace(BENIGN, category=None)},
        {"current": replace(BENIGN, category=3)},
        {"current": replace(BENIGN, suspicious_probability=0.3)},
        {"prior": replace(BENIGN, category=3)},
        {"prior": UNREADABLE},
        {"change": INCOMPARABLE},
    ],
)
def test_shift_needs_every_condition(change_of_mind):
    given = evidence(**{"record": COMPLETE} | change_of_mind)

    assert propose(given).proposal != Proposal.SHIFT_TO_NORMAL_MEDICATION


def test_trace_lists_every_rule_with_its_inputs():
    trace = propose(evidence()).trace

    assert [entry["rule"] for entry in trace] == [rule.id for rule in RULES]
    assert all(entry["inputs"] and isinstance(entry["fired"], bool) for entry in trace)
