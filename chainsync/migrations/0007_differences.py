"""In what stored events differ from the chain, and up to where they were compared."""

from django.db import migrations, models

import contracts.clock
import contracts.fields


class Migration(migrations.Migration):
    dependencies = [("chainsync", "0006_listener_kinds")]
    operations = [
        migrations.AddField(
            model_name="eventlistener",
            name="reconciled_until",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Consensus time up to which its events were compared.",
                max_length=24,
            ),
            preserve_default=False,
        ),
        migrations.CreateModel(
            name="Difference",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "network",
                    models.CharField(
                        choices=[
                            ("hedera-mainnet", "Hedera Mainnet"),
                            ("hedera-testnet", "Hedera Testnet"),
                            ("hedera-previewnet", "Hedera Previewnet"),
                            ("hedera-local", "Hedera Local"),
                            ("stellar-mainnet", "Stellar Mainnet"),
                            ("stellar-testnet", "Stellar Testnet"),
                            ("stellar-local", "Stellar Local"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "address",
                    models.CharField(help_text="The contract that emitted the events.", max_length=64),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("MISSED", "Events had been missed"),
                            ("NOT_ON_CHAIN", "Stored events that the chain does not show"),
                            ("OTHER_BYTES", "Stored events that the chain shows otherwise"),
                            ("PAID_SUM", "The sum that was paid"),
                        ],
                        max_length=12,
                    ),
                ),
                ("day", models.DateField(help_text="UTC; of a paid sum the day of its first event.")),
                (
                    "subject",
                    models.CharField(
                        blank=True, help_text="What the sum is about, as in snapshot:12.", max_length=96
                    ),
                ),
                (
                    "count",
                    models.PositiveIntegerField(
                        default=0, help_text="Events, or lines of a sum, that differ."
                    ),
                ),
                (
                    "expected_units",
                    contracts.fields.UnitsField(
                        blank=True, help_text="What the chain says was paid.", null=True
                    ),
                ),
                (
                    "found_units",
                    contracts.fields.UnitsField(blank=True, help_text="What is booked as paid.", null=True),
                ),
                ("words", models.TextField()),
                (
                    "compared_until",
                    models.CharField(
                        help_text="Consensus time up to which it was looked for.", max_length=24
                    ),
                ),
                ("found_at", models.DateTimeField(default=contracts.clock.now)),
                (
                    "seen_at",
                    models.DateTimeField(
                        default=contracts.clock.now, help_text="When a comparison last found it."
                    ),
                ),
                (
                    "healed_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When what was missing was added, or no difference found any more.",
                        null=True,
                    ),
                ),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("resolved_by", models.CharField(blank=True, max_length=150)),
                ("resolution", models.TextField(blank=True)),
            ],
            options={
                "permissions": [("resolve_difference", "Can resolve differences from the chain")],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("healed_at", None), ("resolved_at", None)),
                        fields=["found_at"],
                        name="difference_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("network", "address", "kind", "day", "subject"), name="difference_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("resolved_at", None), ("resolved_by", "")),
                            models.Q(
                                ("resolved_at__isnull", False),
                                models.Q(("resolved_by", ""), _negated=True),
                                models.Q(("resolution", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="difference_resolved_by_somebody",
                    ),
                ],
            },
        ),
    ]
