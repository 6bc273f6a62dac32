"""gunicorn reads this before it loads the application, so wrong settings end it here with the list."""

from django.conf import settings

from config.boot import prepare

prepare()

bind = settings.WEB_ADDRESS
worker_class = "gthread"
workers = 1
threads = settings.WEB_THREADS
timeout = 60
graceful_timeout = 15
control_socket_disable = True
logconfig_dict = settings.LOGGING
