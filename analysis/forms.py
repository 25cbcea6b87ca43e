"""The shape of a signature; whether it may be given is the service's to say."""

from django import forms

from analysis.choices import Proposal


class SignatureForm(forms.Form):
    """Who signs proves again who they are."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CountersignatureForm(SignatureForm):
    signatures_seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class DecisionForm(SignatureForm):
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
    field_order = ("choice", "reason", "password")


class AmendmentForm(DecisionForm, CountersignatureForm):
    """A new version of what was signed, always with a reason."""

    reason = forms.CharField(
        label="Reason for the amendment",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
