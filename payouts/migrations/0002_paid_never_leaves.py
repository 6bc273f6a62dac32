"""PAID never leaves, and a snapshot once fixed is the distribution's only one: said by the database."""

from django.db import migrations

KEEP = """
CREATE TRIGGER payment_paid_for_ever BEFORE UPDATE ON payouts_payment
    FOR EACH ROW WHEN (OLD.status = 'PAID' AND (NEW.status <> 'PAID' OR NEW.paid_units < OLD.paid_units))
    EXECUTE FUNCTION paydate_refuse('unpaid again');
CREATE TRIGGER payment_kept BEFORE DELETE ON payouts_payment
    FOR EACH ROW EXECUTE FUNCTION paydate_refuse('deleted');
CREATE TRIGGER distribution_snapshot_fixed BEFORE UPDATE ON payouts_distribution
    FOR EACH ROW WHEN (OLD.snapshot_id IS NOT NULL AND OLD.snapshot_id IS DISTINCT FROM NEW.snapshot_id)
    EXECUTE FUNCTION paydate_refuse('given another snapshot');
CREATE TRIGGER distribution_pool_fixed BEFORE UPDATE ON payouts_distribution
    FOR EACH ROW WHEN (OLD.pool_units IS NOT NULL AND OLD.pool_units IS DISTINCT FROM NEW.pool_units)
    EXECUTE FUNCTION paydate_refuse('given another pool');
"""

FORGET = """
DROP TRIGGER payment_paid_for_ever ON payouts_payment;
DROP TRIGGER payment_kept ON payouts_payment;
DROP TRIGGER distribution_snapshot_fixed ON payouts_distribution;
DROP TRIGGER distribution_pool_fixed ON payouts_distribution;
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0001_initial"), ("contracts", "0002_evidence_is_kept")]
    operations = [migrations.RunSQL(KEEP, FORGET)]
