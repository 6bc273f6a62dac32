from celery import Celery
from django.conf import settings

from config.boot import prepare

prepare()
app = Celery("paydate", broker=settings.REDIS_URL.get_secret_value())
app.set_default()
app.conf.update(
    task_ignore_result=True,
    task_default_queue="default",
    task_routes={"contracts.sign_*": {"queue": "signing"}},
    timezone="UTC",
)
app.autodiscover_tasks()
