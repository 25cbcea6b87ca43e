import pytest

from analysis.presenters import histogram_bars, in_words, number, percent, traced_rules


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
