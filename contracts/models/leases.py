"""A lease saves work, it does not give safety: that is the business of compare-and-set and constraints."""

from django.db import models


class Leased(models.Model):
    """``lease_until`` in the past or empty: free. The owner renews it while it works."""

    lease_owner = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
