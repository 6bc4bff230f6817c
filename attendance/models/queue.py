"""The database row as the queue of record: what every piece of background work carries.

States and their arrows (the only ones)::

    QUEUED ------claim------> PROCESSING --write--> DONE
      ^  ^                     |    |
      |  +---lease over / retry+    +--refused----> FAILED   (with a reason; retry by hand goes back to QUEUED)
      |                                               |
      +-------------------------retry-----------------+
    DONE --another face model, while the session is open--> QUEUED
    QUEUED | PROCESSING --photo deleted, student erased--> CANCELLED

A claim is one conditional UPDATE that sets ``lease_until`` by the database's clock and raises ``fencing_token``; a
result is written only where the row still holds the token of the claim. Every time here is the database's: a web
machine whose clock is ahead queues nothing into the future.

A call to a worker says only that there is one more piece of work; which one is next, ``services.turns`` decides by
``priority`` and ``lane``. ``woken_at`` says when a worker was last called for the row: the sweeper calls again only
when that call seems lost. A row that goes back to QUEUED forgets its call, which may have been used up by another row.
"""

from typing import ClassVar, Final

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from attendance.context import current_request_id


class WorkState(models.TextChoices):
    """Where a piece of background work stands."""

    QUEUED = "QUEUED", _("queued")
    PROCESSING = "PROCESSING", _("finding faces")
    DONE = "DONE", _("done")
    FAILED = "FAILED", _("failed")
    CANCELLED = "CANCELLED", _("cancelled")


UNFINISHED: Final = (WorkState.QUEUED, WorkState.PROCESSING)
"""States in which a worker still has to do the work."""


class Priority(models.IntegerChoices):
    """Who waits for it; the lower goes first."""

    URGENT = 0, _("somebody waits")
    BULK = 1, _("in the background")


class QueuedWork(models.Model):
    """Work that a worker claims, does and writes back (see the arrows above).

    ``lane`` is what takes turns with others of its kind: a photo's course, or who brought a selfie. ``claimed_at``
    is when the row was last taken, ``request_id`` the request that made it: the log lines of whoever does it carry
    it. New columns have a default in the database: an older release that still runs during an upgrade writes rows
    without naming them.
    """

    state = models.CharField(max_length=10, choices=WorkState, default=WorkState.QUEUED, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    fencing_token = models.PositiveBigIntegerField(default=0, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    not_before = models.DateTimeField(db_default=Now(), editable=False)
    queued_at = models.DateTimeField(db_default=Now(), editable=False)
    priority = models.PositiveSmallIntegerField(
        choices=Priority, default=Priority.URGENT, db_default=Priority.URGENT, editable=False
    )
    lane = models.BigIntegerField(default=0, db_default=0, editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False)
    request_id = models.CharField(max_length=64, blank=True, default=current_request_id, db_default="", editable=False)
    woken_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    failure_code = models.CharField(max_length=32, blank=True, editable=False)
    failure_reason = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        abstract = True
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(state__in=WorkState.values), name="%(class)s_state_known"),
            models.CheckConstraint(
                condition=~Q(state=WorkState.PROCESSING) | Q(lease_until__isnull=False),
                name="%(class)s_work_has_lease",
            ),
            models.CheckConstraint(
                condition=~Q(state=WorkState.FAILED) | ~Q(failure_reason=""),
                name="%(class)s_failed_with_reason",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The oldest of each lane, and when each had its last turn, are read from these alone.
            models.Index(fields=["state", "priority", "lane", "queued_at", "not_before"], name="%(class)s_turns"),
            models.Index(fields=["claimed_at", "lane"], name="%(class)s_claims"),
            models.Index(fields=["finished_at"], name="%(class)s_finished"),
        ]

    @property
    def is_unfinished(self) -> bool:
        """Whether a worker still has to do it."""
        return self.state in UNFINISHED


class Heartbeat(models.Model):
    """The last sign of life of a worker or sweeper, or the last retention or backup."""

    name = models.CharField(max_length=200, primary_key=True)
    kind = models.CharField(max_length=20)
    at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name
