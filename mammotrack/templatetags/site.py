"""Tags every page may use."""

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from mammotrack import log
from mammotrack.modules import imported_by

BROWSERS = {"Edg/": "Edge", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS X", "Linux")

register = template.Library()


@register.simple_tag
def request_id() -> str:
    """The id of this request; works on the plain error pages too, which get no context."""
    return log.request_id.get()


@register.simple_tag
def module(entry: str) -> SafeString:
    """A script with all modules that it imports, asked for at once."""
    preloads = format_html_join(
        "",
        '<link rel="modulepreload" href="{}">',
        ((static(name),) for name in imported_by(entry)),
    )
    return format_html('{}<script src="{}" type="module"></script>', preloads, static(entry))


@register.filter
def browser_name(user_agent: str) -> str:
    """What a person knows it by, of what it calls itself: ``Firefox, Windows``.

    The order matters: each browser also names those after it.
    """
    browser = next((name for sign, name in BROWSERS.items() if sign in user_agent), "")
    system = next((name for name in SYSTEMS if name in user_agent), "")
    return ", ".join(filter(None, (browser, system))) or _("unknown")
