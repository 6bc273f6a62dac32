from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from config import health
from config.metrics.views import metrics

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("metrics", metrics),
    path("health/live", health.live),
    path("health/ready", health.ReadyView.as_view()),
]
