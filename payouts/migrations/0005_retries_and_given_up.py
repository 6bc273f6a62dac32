"""Counts automatic retries by line, lets totals be taken at most every two seconds, and finds open and failed rows."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0003_batch_sizing_causes_and_retries"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="distribution",
            options={
                "default_permissions": ("add", "view"),
                "permissions": [
                    ("execute_distribution", "Can start a distribution"),
                    ("retry_distribution", "Can retry failed payments"),
                ],
            },
        ),
        migrations.AddField(
            model_name="distribution",
            name="totals_at",
            field=models.DateTimeField(blank=True, help_text="When sum and counts were taken.", null=True),
        ),
        migrations.AddField(
            model_name="payment",
            name="retries",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="How often it was tried again by itself, a look that found the cause still there included.",
            ),
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(
                condition=models.Q(("status__in", ("PENDING", "PROCESSING"))),
                fields=["distribution"],
                name="batch_open",
            ),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("status", "FAILED")), fields=["distribution"], name="payment_failed"
            ),
        ),
    ]
