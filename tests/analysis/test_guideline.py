"""The proposal for every kind of evidence, and that its trace tells the whole story."""

from dataclasses import replace
from datetime import date

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
from analysis.size_category import LesionSize, SizedDate, size_course

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
    lesion_marked=False,
    size=None,
)
DIFFERENT = replace(
    UNCHANGED, verdict="changed_direction_unclear", ssim=0.1, change_probability=0.97
)
PROGRESSION = replace(UNCHANGED, verdict="progression", change_probability=0.97, lesion_marked=True)
REGRESSION = replace(PROGRESSION, verdict="regression")
INCOMPARABLE = ChangeFinding(
    comparable=False,
    reason="registration_failed",
    verdict="not_comparable",
    ssim=None,
    change_probability=None,
    lesion_marked=False,
    size=None,
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
        (evidence(change=PROGRESSION), "CHANGE-2", Proposal.REFER),
        (evidence(change=REGRESSION), "THERAPY-3", Proposal.CONTINUE_CHEMOTHERAPY),
        (
            evidence(change=REGRESSION, prior=SUSPICIOUS, record=COMPLETE),
            "THERAPY-2",
            Proposal.SHIFT_TO_NORMAL_MEDICATION,
        ),
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


def test_D12_low_similarity_never_proposes_a_shift():
    """However complete the therapy and however benign the picture."""
    assert propose(evidence(change=DIFFERENT, record=COMPLETE)).proposal == Proposal.REFER


@pytest.mark.parametrize("direction", [PROGRESSION, REGRESSION])
@pytest.mark.parametrize("record", [MIDWAY, COMPLETE])
def test_a_direction_without_a_marked_lesion_is_none(direction, record):
    """Whatever an algorithm claims: it refers, as any change of unclear direction."""
    claimed = replace(direction, lesion_marked=False)

    outcome = propose(evidence(change=claimed, record=record))

    assert (outcome.deciding_rule, outcome.proposal) == ("CHANGE-3", Proposal.REFER)


@pytest.mark.parametrize("similarity", [-1.0, 0.0, 0.5, 0.99])
def test_D12_similarity_moves_no_proposal(similarity):
    """It is an input that is shown; verdict, categories and therapy decide."""
    for change in (UNCHANGED, DIFFERENT, PROGRESSION, REGRESSION):
        for record in (MIDWAY, COMPLETE, UNTREATED):
            given = evidence(change=replace(change, ssim=similarity), record=record)
            assert (
                propose(given).proposal == propose(evidence(change=change, record=record)).proposal
            )


def sized(*diameters: float) -> SizedDate:
    """The last date of a lesion of these sizes, in mm."""
    return size_course(
        [
            LesionSize(day=date(2024, month, 5), diameter_mm=found)
            for month, found in enumerate(diameters, start=1)
        ]
    )[-1]


def test_growth_over_the_smallest_size_refers_though_the_lesion_is_smaller_than_at_first():
    grown = replace(REGRESSION, size=sized(30.0, 18.0, 24.0))

    outcome = propose(evidence(change=grown, record=COMPLETE))

    assert (outcome.deciding_rule, outcome.proposal) == ("SIZE-1", Proposal.REFER)
    inputs = next(entry["inputs"] for entry in outcome.trace if entry["rule"] == "SIZE-1")
    assert inputs == {
        "size_category": "increase",
        "diameter_mm": 24.0,
        "baseline_mm": 30.0,
        "smallest_before_mm": 18.0,
        "threshold_share": 0.2,
        "threshold_mm": 5.0,
    }


@pytest.mark.parametrize("change", [UNCHANGED, REGRESSION, INCOMPARABLE])
@pytest.mark.parametrize("current", [BENIGN, UNREADABLE])
@pytest.mark.parametrize("record", [COMPLETE, UNTREATED, None])
def test_d11_a_new_lesion_is_progression_whatever_the_computer_sees(change, current, record):
    new = size_course([LesionSize(day=date(2024, 7, 5), diameter_mm=None)], is_new=True)[-1]

    outcome = propose(evidence(change=replace(change, size=new), current=current, record=record))

    assert (outcome.deciding_rule, outcome.proposal) == ("LESION-1", Proposal.REFER)
    trace = {entry["rule"]: entry for entry in outcome.trace}
    assert trace["LESION-1"]["inputs"] == {"size_category": "new_lesion"}
    assert trace["SIZE-1"]["fired"] is False


@pytest.mark.parametrize("diameters", [(30.0, 18.0), (20.0, 24.0), (30.0, 30.0)])
def test_a_size_that_did_not_grow_enough_refers_nobody(diameters):
    given = evidence(change=replace(UNCHANGED, lesion_marked=True, size=sized(*diameters)))

    assert propose(given).proposal == Proposal.CONTINUE_CHEMOTHERAPY


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
def test_D12_shift_needs_every_condition(change_of_mind):
    given = evidence(**{"record": COMPLETE} | change_of_mind)

    assert propose(given).proposal != Proposal.SHIFT_TO_NORMAL_MEDICATION


def test_D12_trace_lists_every_rule_with_its_inputs():
    trace = propose(evidence()).trace

    assert [entry["rule"] for entry in trace] == [rule.id for rule in RULES]
    assert all(entry["inputs"] and isinstance(entry["fired"], bool) for entry in trace)
