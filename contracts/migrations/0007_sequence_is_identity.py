"""On Stellar the sequence number belongs to a transaction's identity, so it never changes either."""

from django.db import migrations

DROP = "DROP TRIGGER transaction_identity_fixed ON contracts_contracttransaction;"
CREATE = """
CREATE TRIGGER transaction_identity_fixed BEFORE UPDATE ON contracts_contracttransaction
    FOR EACH ROW WHEN (
        OLD.transaction_id IS NOT NULL
        AND (OLD.transaction_id, OLD.valid_start_ns, OLD.valid_seconds{old})
            IS DISTINCT FROM (NEW.transaction_id, NEW.valid_start_ns, NEW.valid_seconds{new})
    )
    EXECUTE FUNCTION paydate_refuse('given another identity');
"""


class Migration(migrations.Migration):
    dependencies = [("contracts", "0006_stellar_calls_and_notices")]
    operations = [
        migrations.RunSQL(
            DROP + CREATE.format(old=", OLD.sequence", new=", NEW.sequence"),
            DROP + CREATE.format(old="", new=""),
        )
    ]
