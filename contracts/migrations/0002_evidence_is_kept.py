"""The database itself keeps what is evidence: no row is deleted, and an ended transaction never changes."""

from django.db import migrations

KEEP = """
CREATE FUNCTION paydate_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are evidence and are never %', TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER transaction_kept BEFORE DELETE ON contracts_contracttransaction
    FOR EACH ROW EXECUTE FUNCTION paydate_refuse('deleted');
CREATE TRIGGER transaction_ended_for_ever BEFORE UPDATE ON contracts_contracttransaction
    FOR EACH ROW WHEN (OLD.status IN ('SUCCEEDED', 'FAILED', 'EXPIRED') AND OLD.status <> NEW.status)
    EXECUTE FUNCTION paydate_refuse('reopened');
CREATE TRIGGER transaction_identity_fixed BEFORE UPDATE ON contracts_contracttransaction
    FOR EACH ROW WHEN (
        OLD.transaction_id IS NOT NULL
        AND (OLD.transaction_id, OLD.valid_start_ns, OLD.valid_seconds)
            IS DISTINCT FROM (NEW.transaction_id, NEW.valid_start_ns, NEW.valid_seconds)
    )
    EXECUTE FUNCTION paydate_refuse('given another identity');
CREATE TRIGGER body_kept BEFORE DELETE ON contracts_signedbody
    FOR EACH ROW EXECUTE FUNCTION paydate_refuse('deleted');
CREATE TRIGGER body_bytes_fixed BEFORE UPDATE ON contracts_signedbody
    FOR EACH ROW WHEN (
        OLD.body <> NEW.body
        OR (OLD.signed_bytes IS NOT NULL
            AND (OLD.signed_bytes, OLD.hash) IS DISTINCT FROM (NEW.signed_bytes, NEW.hash))
    )
    EXECUTE FUNCTION paydate_refuse('rewritten');
CREATE TRIGGER audit_kept BEFORE DELETE ON contracts_auditevent
    FOR EACH ROW EXECUTE FUNCTION paydate_refuse('deleted');
CREATE TRIGGER audit_fixed BEFORE UPDATE ON contracts_auditevent
    FOR EACH ROW WHEN (
        OLD.sequence IS NOT NULL
        OR (OLD.at, OLD.by, OLD.noun, OLD.object_id, OLD.what, OLD.source, OLD.target, OLD.reason)
           IS DISTINCT FROM
           (NEW.at, NEW.by, NEW.noun, NEW.object_id, NEW.what, NEW.source, NEW.target, NEW.reason)
    ) EXECUTE FUNCTION paydate_refuse('rewritten');
"""

FORGET = """
DROP TRIGGER transaction_kept ON contracts_contracttransaction;
DROP TRIGGER transaction_ended_for_ever ON contracts_contracttransaction;
DROP TRIGGER transaction_identity_fixed ON contracts_contracttransaction;
DROP TRIGGER body_kept ON contracts_signedbody;
DROP TRIGGER body_bytes_fixed ON contracts_signedbody;
DROP TRIGGER audit_kept ON contracts_auditevent;
DROP TRIGGER audit_fixed ON contracts_auditevent;
DROP FUNCTION paydate_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("contracts", "0001_initial")]
    operations = [migrations.RunSQL(KEEP, FORGET)]
