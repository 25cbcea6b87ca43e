"""The patient's course on one axis of clinical time, as values a template draws.

Every mark's x is proportional to its date. Marks are placed by when something happened,
not by when it was entered.
"""

from analysis.timeline.drawing import Timeline, timeline
from analysis.timeline.events import Event, events

__all__ = ["Event", "Timeline", "events", "timeline"]
