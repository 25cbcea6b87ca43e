import pytest

from analysis.choices import Proposal
from analysis.guideline import RULES
from analysis.lesions import FollowedLesion
from analysis.models import AnalysisJob, Comparison, LesionMark, Prediction, Recommendation
from analysis.presenters.canvas import canvases
from analysis.presenters.classification import BY_APPEARANCE, picture_finding
from analysis.presenters.histogram import histogram_bars
from analysis.presenters.proposals import proposal_in_words, traced_rules
from analysis.presenters.words import in_words, number, percent
from scans.models import Mammogram


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not measured"),
        (0.0, "0 %"),
        (0.004, "< 1 %"),
        (0.255, "26 %"),
        (0.996, "> 99 %"),
        (1.0, "100 %"),
    ],
)
def test_percent_never_rounds_to_certainty(value, text):
    assert percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "not measured"), (0.91234, "0.912"), (0.9998, "> 0.999"), (1.0, "1.000")],
)
def test_a_score_is_never_rounded_to_identity(value, text):
    assert number(value) == text


def test_an_unknown_code_is_spelled_out():
    assert in_words("some_new_code") == "Some new code."


def test_rule_inputs_read_as_words():
    rule = traced_rules(
        [
            {
                "rule": "IMAGE-1",
                "statement": "It cannot be assessed.",
                "inputs": {
                    "assessable": False,
                    "reasons": ["blank"],
                    "threshold": 0.5,
                    "ssim": None,
                },
                "fired": True,
                "outcome": "not_assessable",
            }
        ]
    )[0]

    assert (rule.fired, rule.decides, rule.outcome) == (True, False, "Not assessable")
    assert [(each.label, each.value) for each in rule.inputs] == [
        ("Assessable", "no"),
        ("Reasons", "The picture is blank"),
        ("Threshold", "0.5"),
        ("SSIM", "none"),
    ]


def test_histogram_cuts_black_to_the_tallest_of_the_others():
    counts = [1000, 0, 0, 0] + [2, 2, 2, 2] + [1, 1, 1, 1] + [0] * 244

    bars = histogram_bars(counts)

    assert [bar.height for bar in bars[:4]] == [160, 160, 80, 0]
    assert histogram_bars([]) == []
    assert {bar.height for bar in histogram_bars([0] * 256)} == {0}


def prediction(**fields):
    values = {
        "assessable": True,
        "probabilities": {"2": 0.1, "3": 0.1, "4": 0.3, "5": 0.5, "6": 0.0},
        "category": "5",
        "abstained": False,
        "prediction_set": ["4", "5"],
        "suspicious_probability": 0.7,
    }
    return Prediction(**values | fields)


def test_D8_without_pathology_the_answer_rests_on_appearance():
    found = picture_finding(prediction(), malignancy_proven=False)

    assert found.category == "5"
    assert [bar.percent for bar in found.bars] == ["10 %", "10 %", "30 %", "50 %", "0 %"]
    assert found.evidence == BY_APPEARANCE


@pytest.mark.parametrize(
    ("fields", "reads"),
    [({}, "category 5"), ({"abstained": True}, "no category"), ({"category": "2"}, "category 2")],
)
def test_D8_proven_malignancy_makes_the_answer_six_and_says_on_what_it_rests(fields, reads):
    found = picture_finding(prediction(**fields), malignancy_proven=True)

    assert (found.category, found.meaning, found.abstained) == (
        "6",
        "Known, proven malignancy",
        False,
    )
    assert {bar.category: bar.percent for bar in found.bars if bar.width} == {"6": "100 %"}
    assert found.evidence.startswith("Evidence: the record.")
    assert found.evidence.endswith(f"By its appearance alone the model gives it {reads}.")
    assert found.suspicious == "70 %"


def test_a_picture_that_cannot_be_assessed_gets_no_category_from_the_record():
    blank = prediction(assessable=False, abstained=True, category="", probabilities={})

    found = picture_finding(blank, malignancy_proven=True)

    assert (found.category, found.bars, found.assessable) == ("", [], False)


def test_numbers_of_circles_that_overlap_stand_below_each_other():
    mammogram = Mammogram(rows=1000, columns=800, pixel_spacing_mm=0.1)
    places = [
        {"x": 300.0, "y": 400.0, "radius": 50.0, "gain": True},
        {"x": 600.0, "y": 400.0, "radius": 50.0, "gain": True},
        {"x": 302.0, "y": 403.0, "radius": 55.0, "gain": False},
    ]

    _, drawn = canvases(
        AnalysisJob(current=mammogram),
        Comparison(attention=places, lesion=None),
        lesions=[],
    )

    assert [(disc.label, disc.label_x, disc.label_y) for disc in drawn.discs] == [
        ("1", 350.0, 400.0),
        ("2", 650.0, 400.0),
        ("3", 357.0, 433.8),
    ]
    assert drawn.label_size == 28.0


@pytest.mark.parametrize(
    ("x", "label_x"),
    [(694.0, 744.0), (695.0, 589.0)],  # right of the circle as long as two characters have room
)
def test_s07_a_number_at_the_right_edge_stands_left_of_its_circle(x: float, label_x: float):
    mammogram = Mammogram(rows=1000, columns=800, pixel_spacing_mm=0.1)
    job = AnalysisJob(current=mammogram)
    mark = LesionMark(mammogram=mammogram, x=x, y=400.0, radius=50.0)

    _, drawn = canvases(job, None, lesions=[FollowedLesion(1, mark, course=[])])

    assert [(disc.label, disc.label_x) for disc in drawn.discs] == [("L1", label_x)]


def test_s07_a_lesion_bears_its_own_number_on_both_pictures():
    """Not that of its place among the picture's own: the first mark here may be lesion 2."""
    prior, current = (Mammogram(rows=1000, columns=800) for _ in range(2))
    first, second = (
        LesionMark(mammogram=picture, x=300.0, y=400.0, radius=50.0) for picture in (prior, current)
    )
    where = {"x": 310.0, "y": 700.0, "radius": 40.0}

    before, after = canvases(
        AnalysisJob(prior=prior, current=current, mark=first),
        Comparison(attention=[], lesion={"current_mark": where}),
        lesions=[FollowedLesion(1, first, course=[]), FollowedLesion(2, second, course=[])],
    )

    assert before is not None
    assert [(disc.label, disc.kind) for disc in before.discs] == [("L1", "lesion")]
    assert [(disc.label, disc.y) for disc in after.discs] == [("L2", 400.0), ("L1", 700.0)]


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.outcome == Proposal.NOT_ASSESSABLE]
)
def test_s07_a_proposal_says_what_it_is_that_cannot_be_assessed(rule):
    made = Recommendation(proposal=rule.outcome.value, deciding_rule=rule.id)

    assert proposal_in_words(made) in {
        "Picture not assessable",
        "Change not assessable",
        "No chemotherapy to assess",
    }


def test_s07_any_other_proposal_is_called_by_its_name():
    made = Recommendation(proposal=Proposal.REFER.value, deciding_rule="CHANGE-3")

    assert proposal_in_words(made) == "Refer for further work-up"
