"""Tables of the simulated follow-ups: the published comparison beside ours, by set of women."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.imaging.change_rules import ChangeEstimate, load_change_rules
from benchmarks.measured_pairs import ALTERNATIVE_EVERY_NTH_FILM, MULTISCALE, MeasuredPair
from benchmarks.simulated_pairs import UNSEEN
from benchmarks.simulator import SEVERITIES
from benchmarks.statistics import Figure, auc_by_patient, median_by_patient, share_by_patient

SIMPLEITK = f"SimpleITK B-spline, every {ALTERNATIVE_EVERY_NTH_FILM}rd film"
SAME_PAIRS = "  registered-change-2, the same pairs"
SIZED_MM = 10.0
"""Diameters are judged for masses of this size and more."""
DIRECTIONS = {"regression": -1, "progression": 1}
SCALES_MM = ("0.4", "0.8", "1.6", "3.2")
NAME_WIDTH, CELL_WIDTH = 48, 28


@dataclass(frozen=True)
class Case:
    """A registered pair with what ``registered-change-2`` says of it, without and with the mark."""

    pair: MeasuredPair
    whole: ChangeEstimate
    whole_verdict: str
    marked: ChangeEstimate | None
    marked_verdict: str | None

    @property
    def changed(self) -> bool:
        return self.pair.direction != 0


@dataclass(frozen=True)
class Women:
    """One set of women: all their pairs, and the registered ones, judged."""

    title: str
    measured: list[MeasuredPair]

    @cached_property
    def cases(self) -> list[Case]:
        return [_judged(pair) for pair in self.measured if pair.registered]

    @cached_property
    def marked(self) -> list[Case]:
        return [case for case in self.cases if case.marked is not None]


Cell = Callable[[Women], str]
Table = tuple[str, dict[str, Cell]]


def simulation_report(women: list[Women]) -> str:
    """Describe all measurements as text, a column a set of women, each figure with its interval."""
    lines = ["Simulated follow-ups; intervals (95 %) resample patients"]
    for title, rows in _tables():
        lines += ["", _row(title, [each.title for each in women])]
        lines += [_row(f"  {name}", [cell(each) for each in women]) for name, cell in rows.items()]
    measured = [pair for each in women for pair in each.measured]
    return "\n".join([*lines, "", *_by_collection(measured), "", *_times(measured)])


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<{NAME_WIDTH}}{''.join(f'{cell:<{CELL_WIDTH}}' for cell in cells)}".rstrip()


def _judged(pair: MeasuredPair) -> Case:
    rules = load_change_rules()
    whole = rules.without_mark(pair.candidates, ssim_by_scale_mm=pair.similarity)
    whole_verdict, _ = rules.verdict_without_mark(whole)
    if pair.marked is None:
        return Case(pair, whole, whole_verdict, None, None)
    marked = rules.at_mark(pair.marked)
    verdict, _ = rules.verdict_at_mark(marked, log_size_ratio=pair.log_size_ratio)
    return Case(pair, whole, whole_verdict, marked, verdict)


def _tables() -> Iterator[Table]:
    yield (
        "Pairs",
        {
            "simulated (women)": lambda w: f"{len(w.measured)} ({_women(w.measured)})",
            "registered, the others refused": lambda w: str(len(w.cases)),
            "  of these also by SimpleITK": lambda w: str(len(_by_simpleitk(w.cases))),
            "changed, of the registered": lambda w: _changed(w.cases),
            "changed, of those with a mass on the prior": lambda w: _changed(w.marked),
        },
    )
    yield (
        "AUC of change, all pairs",
        {
            **_auc_rows(lambda w: w.cases),
            **_unmarked_rows(),
            **_simpleitk_rows(lambda w: w.cases, _whole_probability),
        },
    )
    yield (
        "AUC of change, a mass on the prior",
        {
            **_auc_rows(lambda w: w.marked),
            "registered-change-2, without a mark": lambda w: _auc(w.marked, _whole_probability),
            "registered-change-2, with a mark": lambda w: _auc(w.marked, marked_probability),
            **{
                f"  {severity}": _severity(severity, lambda w: w.marked, marked_probability)
                for severity in SEVERITIES
            },
            **_simpleitk_rows(lambda w: w.marked, marked_probability),
        },
    )
    yield "Verdicts of registered-change-2 (share, n)", _verdict_rows()
    yield "Millimetres (median over pairs, n)", _length_rows()


def _women(pairs: list[MeasuredPair]) -> int:
    return len({pair.patient for pair in pairs})


def _changed(cases: list[Case]) -> str:
    return f"{sum(case.changed for case in cases)} of {len(cases)}"


def _auc_rows(chosen: Callable[[Women], list[Case]]) -> dict[str, Cell]:
    """Scores that know of no mark."""
    scores: dict[str, Callable[[Case], float]] = {
        "published: 150 x 150, plain SSIM": lambda case: -case.pair.paper,
        "plain SSIM, 0.4 mm, inside the breast": lambda case: -case.pair.plain,
        "registered-ssim-1": lambda case: -case.pair.first_headline,
        **{f"registered-change-2, SSIM at {mm} mm": _similarity(mm) for mm in SCALES_MM},
        "registered-change-2, MS-SSIM": _similarity(MULTISCALE),
    }
    return {name: _auc_cell(chosen, score) for name, score in scores.items()}


def _unmarked_rows() -> dict[str, Cell]:
    return {
        "registered-change-2, without a mark": lambda w: _auc(w.cases, _whole_probability),
        **{
            f"  {severity}": _severity(severity, lambda w: w.cases, _whole_probability)
            for severity in SEVERITIES
        },
    }


def _simpleitk_rows(
    chosen: Callable[[Women], list[Case]], ours: Callable[[Case], float]
) -> dict[str, Cell]:
    """SSIM after SimpleITK's registration, and ours on the pairs that it saw."""

    def seen(women: Women) -> list[Case]:
        return _by_simpleitk(chosen(women))

    return {
        f"{SIMPLEITK}, SSIM": _auc_cell(seen, _simpleitk_score),
        SAME_PAIRS: _auc_cell(seen, ours),
    }


def _by_simpleitk(cases: list[Case]) -> list[Case]:
    return [case for case in cases if case.pair.alternative]


def _simpleitk_score(case: Case) -> float:
    return -case.pair.alternative.ssim if case.pair.alternative else float("nan")


def _simpleitk_mm(pair: MeasuredPair) -> float:
    return pair.alternative.error_mm if pair.alternative else float("nan")


def _similarity(scale: str) -> Callable[[Case], float]:
    return lambda case: -case.pair.similarity[scale]


def _whole_probability(case: Case) -> float:
    return case.whole.probability


def marked_probability(case: Case) -> float:
    """Return the probability with the mark; NaN without one."""
    return case.marked.probability if case.marked else float("nan")


def _auc_cell(chosen: Callable[[Women], list[Case]], score: Callable[[Case], float]) -> Cell:
    return lambda women: _auc(chosen(women), score)


def _severity(
    severity: str, chosen: Callable[[Women], list[Case]], score: Callable[[Case], float]
) -> Cell:
    return lambda women: _auc([c for c in chosen(women) if c.pair.severity == severity], score)


def _auc(cases: list[Case], score: Callable[[Case], float]) -> str:
    return str(
        auc_by_patient(
            [score(case) for case in cases],
            [case.changed for case in cases],
            [case.pair.patient for case in cases],
        )
    )


def _verdict_rows() -> dict[str, Cell]:
    def share(chosen: Callable[[Women], list[Case]], holds: Callable[[Case], bool]) -> Cell:
        def cell(women: Women) -> str:
            group = chosen(women)
            found = share_by_patient(
                [holds(case) for case in group], [case.pair.patient for case in group]
            )
            return _counted(found, len(group))

        return cell

    def changed(women: Women) -> list[Case]:
        return [case for case in women.marked if case.changed]

    def claimed(case: Case) -> bool:
        return case.marked_verdict in DIRECTIONS

    return {
        "a direction is claimed, changed and marked": share(changed, claimed),
        "  and it is right": share(
            lambda women: [case for case in changed(women) if claimed(case)],
            lambda case: DIRECTIONS[str(case.marked_verdict)] == case.pair.direction,
        ),
        "a change is missed, marked": share(
            changed, lambda case: case.marked_verdict == "no_detectable_change"
        ),
        "a change is missed, no mark": share(
            lambda women: [case for case in women.cases if case.changed],
            lambda case: case.whole_verdict == "no_detectable_change",
        ),
        "false alarm, re-positioned only, marked": share(
            lambda women: [case for case in women.marked if not case.changed],
            lambda case: case.marked_verdict != "no_detectable_change",
        ),
        "false alarm, re-positioned only, no mark": share(
            lambda women: [case for case in women.cases if not case.changed],
            lambda case: case.whole_verdict != "no_detectable_change",
        ),
    }


def _counted(figure: Figure, n: int) -> str:
    return f"{figure}   n {n}"


def _length_rows() -> dict[str, Cell]:
    def median(
        length: Callable[[MeasuredPair], float], chosen: Callable[[Women], list[MeasuredPair]]
    ) -> Cell:
        def cell(women: Women) -> str:
            pairs = chosen(women)
            found = median_by_patient([length(p) for p in pairs], [p.patient for p in pairs])
            return _counted(found, len(pairs))

        return cell

    def registered(women: Women) -> list[MeasuredPair]:
        return [case.pair for case in women.cases]

    def by_simpleitk(women: Women) -> list[MeasuredPair]:
        return [case.pair for case in _by_simpleitk(women.cases)]

    def sized(film: str) -> Callable[[Women], list[MeasuredPair]]:
        return lambda women: [
            case.pair for case in women.marked if getattr(case.pair, f"{film}_mm") >= SIZED_MM
        ]

    def size_error(film: str) -> Callable[[MeasuredPair], float]:
        return lambda pair: abs(getattr(pair, f"found_{film}_mm") - getattr(pair, f"{film}_mm"))

    return {
        "off the true place, not registered": median(lambda p: p.unregistered_mm, registered),
        "  registered-ssim-1": median(lambda p: p.first_mm, registered),
        "  registered-change-2": median(lambda p: p.refined_mm, registered),
        "  registered-change-2, refused pairs too": median(
            lambda p: p.refined_mm, lambda women: women.measured
        ),
        f"  {SIMPLEITK}": median(_simpleitk_mm, by_simpleitk),
        f"  {SAME_PAIRS}": median(lambda p: p.refined_mm, by_simpleitk),
        **{
            f"error of the longest diameter, {film} film": median(size_error(film), sized(film))
            for film in ("prior", "current")
        },
    }


def _by_collection(measured: list[MeasuredPair]) -> Iterator[str]:
    yield _row("registered-change-2, AUC by collection", ["without a mark", "with a mark"])
    for group in UNSEEN:
        women = Women(group, [pair for pair in measured if pair.group == group])
        yield _row(
            f"  {group}",
            [_auc(women.cases, _whole_probability), _auc(women.marked, marked_probability)],
        )


def _times(measured: list[MeasuredPair]) -> Iterator[str]:
    yield "Seconds a pair, one thread (median), of which"
    total = float(np.median([sum(pair.seconds.values()) for pair in measured]))
    steps = (
        f"{step} {np.median([pair.seconds[step] for pair in measured]):.2f}"
        for step in measured[0].seconds
    )
    yield f"  {total:.2f}: {', '.join(steps)}"
