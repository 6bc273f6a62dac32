"""What the processes themselves leave in the database."""

from datetime import timedelta

from django.db import models
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def ages(self) -> dict[str, timedelta]:
        """By process, on the database's clock: the machines' own may differ, and the devnet's is moved."""
        age = ExpressionWrapper(Now() - F("seen_at"), output_field=DurationField())
        return dict(self.annotate(age=age).values_list("process", "age"))


class Heartbeat(models.Model):
    """The newest sign of life of each kind of process. Written by a task, so it proves that work is done."""

    process = models.CharField(max_length=16, primary_key=True)
    seen_at = models.DateTimeField(db_default=Now())

    objects = HeartbeatQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.process} seen at {self.seen_at:%Y-%m-%d %H:%M:%S} UTC"


class BeatOrigin(models.Model):
    """The schedule a beat row was last given by us: what differs from it is an operator's own choice."""

    name = models.CharField(max_length=200, primary_key=True)
    schedule = models.CharField(max_length=200)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.name}: {self.schedule}"
