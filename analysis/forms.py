"""The shape of a decision; whether it may be signed is the service's to say."""

from django import forms

from analysis.choices import Proposal


class DecisionForm(forms.Form):
    """Nothing is chosen beforehand: the doctor chooses."""

    choice = forms.ChoiceField(
        label="Decision",
        choices=Proposal,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a decision."},
    )
    reason = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Required when the decision differs from the proposal.",
    )
