"""Tags every page may use."""

from django import template

from mammotrack import log

register = template.Library()


@register.simple_tag
def request_id() -> str:
    """The id of this request; works on the plain error pages too, which get no context."""
    return log.request_id.get()
