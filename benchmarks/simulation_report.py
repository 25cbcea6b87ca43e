"""Tables of the simulated follow-ups: the published comparison beside ours."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from analysis.imaging.change_rules import ChangeEstimate, load_change_rules
from benchmarks.measured_pairs import MeasuredPair
from benchmarks.simulator import SEVERITIES
from benchmarks.statistics import auc_by_patient, median_by_patient, share_by_patient

SIZED_MM = 10.0
"""Diameters are judged for masses of this size and more."""
DIRECTIONS = {"regression": -1, "progression": 1}


@dataclass(frozen=True)
class _Case:
    """A registered pair with what ``registered-change-2`` says of it."""

    pair: MeasuredPair
    whole: ChangeEstimate
    whole_verdict: str
    marked: ChangeEstimate | None
    marked_verdict: str | None

    @property
    def changed(self) -> bool:
        return self.pair.direction != 0


def simulation_report(measured: list[MeasuredPair]) -> str:
    """Describe all measurements as text, each figure with its interval."""
    cases = [_judged(pair) for pair in measured if pair.registered]
    marked = [case for case in cases if case.marked is not None]
    parts = [_counts(measured, cases, marked), _change(cases, marked), _severities(cases, marked)]
    parts += [_verdicts(cases, marked), _lengths(measured, cases, marked), _times(measured)]
    return "\n\n".join("\n".join(part) for part in parts)


def _judged(pair: MeasuredPair) -> _Case:
    rules = load_change_rules()
    whole = rules.without_mark(pair.candidates, ssim=pair.similarity)
    whole_verdict, _ = rules.verdict_without_mark(whole)
    if pair.marked is None:
        return _Case(pair, whole, whole_verdict, None, None)
    marked = rules.at_mark(pair.marked)
    verdict, _ = rules.verdict_at_mark(marked, log_size_ratio=pair.log_size_ratio)
    return _Case(pair, whole, whole_verdict, marked, verdict)


def _counts(measured: list[MeasuredPair], cases: list[_Case], marked: list[_Case]) -> Iterator[str]:
    patients = len({pair.patient for pair in measured})
    yield "Simulated follow-ups of test patients; intervals (95 %) resample patients"
    yield f"  {len(measured)} pairs, {patients} patients; {_share_of(cases, measured)} registered"
    yield f"  changed {_changed(cases)}; with a mass marked on the prior {_changed(marked)}"


def _share_of(cases: list[_Case], measured: list[MeasuredPair]) -> str:
    refused = len(measured) - len(cases)
    return f"{len(cases)} ({refused} refused)"


def _changed(cases: list[_Case]) -> str:
    return f"{sum(case.changed for case in cases)} of {len(cases)}"


def _change(cases: list[_Case], marked: list[_Case]) -> Iterator[str]:
    scores: dict[str, Callable[[_Case], float]] = {
        "published: 150 x 150, plain SSIM": lambda case: -case.pair.paper,
        "plain SSIM, 0.4 mm, inside the breast": lambda case: -case.pair.plain,
        "registered-ssim-1": lambda case: -case.pair.headline,
        "registered-change-2, without a mark": lambda case: case.whole.probability,
        "registered-change-2, with a mark": _marked_probability,
    }
    yield f"{'AUC of change':<40} {'all pairs':<22} a mass on the prior"
    for name, score in scores.items():
        needs_mark = score is _marked_probability
        everyone = "" if needs_mark else str(_auc(cases, score))
        yield f"  {name:<38} {everyone:<22} {_auc(marked, score)}"


def _marked_probability(case: _Case) -> float:
    return case.marked.probability if case.marked else float("nan")


def _auc(cases: list[_Case], score: Callable[[_Case], float]) -> str:
    return str(
        auc_by_patient(
            [score(case) for case in cases],
            [case.changed for case in cases],
            [case.pair.patient for case in cases],
        )
    )


def _severities(cases: list[_Case], marked: list[_Case]) -> Iterator[str]:
    yield f"{'AUC of registered-change-2 by severity':<40} {'without a mark':<22} with a mark"
    for severity in SEVERITIES:
        some, some_marked = (
            [case for case in group if case.pair.severity == severity] for group in (cases, marked)
        )
        without = _auc(some, lambda case: case.whole.probability)
        yield f"  {severity:<38} {without:<22} {_auc(some_marked, _marked_probability)}"


def _verdicts(cases: list[_Case], marked: list[_Case]) -> Iterator[str]:
    changed = [case for case in marked if case.changed]
    answered = [case for case in changed if case.marked_verdict in DIRECTIONS]
    still = [case for case in marked if not case.changed]
    yield "Verdicts of registered-change-2 (share, n)"
    rows: dict[str, tuple[list[_Case], Callable[[_Case], bool]]] = {
        "a direction is claimed, changed and marked": (
            changed,
            lambda case: case.marked_verdict in DIRECTIONS,
        ),
        "  and it is right": (
            answered,
            lambda case: DIRECTIONS[str(case.marked_verdict)] == case.pair.direction,
        ),
        "a change is missed, marked": (
            changed,
            lambda case: case.marked_verdict == "no_detectable_change",
        ),
        "false alarm, re-positioned only, marked": (
            still,
            lambda case: case.marked_verdict != "no_detectable_change",
        ),
        "false alarm, re-positioned only, no mark": (
            [case for case in cases if not case.changed],
            lambda case: case.whole_verdict != "no_detectable_change",
        ),
        "a change is missed, no mark": (
            [case for case in cases if case.changed],
            lambda case: case.whole_verdict == "no_detectable_change",
        ),
    }
    for name, (group, holds) in rows.items():
        share = share_by_patient(
            [holds(case) for case in group], [case.pair.patient for case in group]
        )
        yield f"  {name:<46} {share}   n {len(group)}"


def _lengths(
    measured: list[MeasuredPair], cases: list[_Case], marked: list[_Case]
) -> Iterator[str]:
    yield "Millimetres (median over pairs, n)"
    registered = [case.pair for case in cases]
    patients = [pair.patient for pair in registered]
    rows = {
        "distance from the true place, not registered": [p.unregistered_mm for p in registered],
        "  registered-ssim-1": [p.first_mm for p in registered],
        "  registered-change-2": [p.refined_mm for p in registered],
    }
    for name, values in rows.items():
        yield f"  {name:<46} {median_by_patient(values, patients)}   n {len(values)}"
    everyone = median_by_patient([p.refined_mm for p in measured], [p.patient for p in measured])
    yield f"  {'  registered-change-2, refused pairs too':<46} {everyone}   n {len(measured)}"
    for film in ("prior", "current"):
        sized = [case.pair for case in marked if getattr(case.pair, f"{film}_mm") >= SIZED_MM]
        errors = [
            abs(getattr(pair, f"found_{film}_mm") - getattr(pair, f"{film}_mm")) for pair in sized
        ]
        error = median_by_patient(errors, [pair.patient for pair in sized])
        yield f"  {f'error of the longest diameter, {film} film':<46} {error}   n {len(sized)}"


def _times(measured: list[MeasuredPair]) -> Iterator[str]:
    yield "Seconds a pair, one thread (median), of which"
    total = float(np.median([sum(pair.seconds.values()) for pair in measured]))
    steps = (
        f"{step} {np.median([pair.seconds[step] for pair in measured]):.2f}"
        for step in measured[0].seconds
    )
    yield f"  {total:.2f}: {', '.join(steps)}"
