"""The Celery app with the pool under test: a pool in the settings outweighs `--pool=prefork` on a command line."""

import os

from config.celery import app

app.conf.worker_pool = os.environ["BENCH_POOL"]
