"""Finds unsettled distributions, and what ended in a window of time, without reading what was paid before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0005_retries_and_given_up"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(
                condition=models.Q(("settled_at__isnull", False)),
                fields=["settled_at", "status"],
                name="batch_settled",
            ),
        ),
        migrations.AddIndex(
            model_name="distribution",
            index=models.Index(
                condition=models.Q(
                    (
                        "status__in",
                        (
                            "DRAFT",
                            "PENDING",
                            "PLANNING",
                            "AWAITING_APPROVAL",
                            "PROCESSING",
                            "HELD",
                            "PARTIALLY_COMPLETED",
                            "FAILED",
                        ),
                    )
                ),
                fields=["status"],
                name="distribution_unsettled",
            ),
        ),
        migrations.AddIndex(
            model_name="distribution",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", False)),
                fields=["ended_at"],
                name="distribution_ended",
            ),
        ),
    ]
