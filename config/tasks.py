from celery import shared_task
from django.conf import settings
from django.db.models.functions import Now

from config.models import Heartbeat


def record_heartbeat(process: str) -> None:
    Heartbeat.objects.update_or_create(process=process, defaults={"seen_at": Now()})


@shared_task(name="config.heartbeat")
def heartbeat() -> None:
    record_heartbeat(settings.PAYDATE_PROCESS)
