"""Every other table."""

# Migrations only go forward: a backup goes back.

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=True),
        sa.Column("referral_id", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("programmes", sa.LargeBinary(), nullable=True),
        sa.Column("result_id", sa.Text(), nullable=True),
        sa.Column("result_version", sa.Integer(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("acknowledged_by_role", sa.Text(), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_outcome", sa.Text(), nullable=True),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column("reviewed_by_role", sa.Text(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("copy_seen", sa.Text(), nullable=True),
        sa.Column("copy_refusal", sa.Text(), nullable=True),
        sa.Column("telephone", sa.Text(), nullable=True),
        sa.Column("women_waiting", sa.Integer(), nullable=True),
        sa.Column("seen_by_link", sa.Boolean(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_index(
            "ix_alert_due_at_climbs",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text(
                "(state = 'open' OR (state = 'acknowledged' AND seen_by_link)) AND code NOT IN ('self-harm-not-seen',"
                " 'repeat-screening')"
            ),
            postgresql_where=sa.text(
                "(state = 'open' OR (state = 'acknowledged' AND seen_by_link)) AND code NOT IN ('self-harm-not-seen',"
                " 'repeat-screening')"
            ),
        )
        batch_op.create_index("ix_alert_patient_id", ["patient_id"], unique=False)
        batch_op.create_index("ix_alert_referral_id", ["referral_id"], unique=False)
        batch_op.create_index(
            "ix_alert_tenant_id_awaited",
            ["tenant_id", "id"],
            unique=False,
            sqlite_where=sa.text("state <> 'resolved' AND code NOT IN ('self-harm-not-seen', 'repeat-screening')"),
            postgresql_where=sa.text("state <> 'resolved' AND code NOT IN ('self-harm-not-seen', 'repeat-screening')"),
        )
        batch_op.create_index("ix_alert_tenant_id_stamp", ["tenant_id", "stamp"], unique=False)
        batch_op.create_index(
            "ix_alert_tenant_id_topic",
            ["tenant_id", "topic"],
            unique=False,
            sqlite_where=sa.text("topic IS NOT NULL"),
            postgresql_where=sa.text("topic IS NOT NULL"),
        )

    op.create_table(
        "alias",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("former", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "type", "system", "value", name=op.f("pk_alias")),
    )
    with op.batch_alter_table("alias", schema=None) as batch_op:
        batch_op.create_index("ix_alias_resource_id_system", ["resource_id", "system"], unique=False)

    op.create_table(
        "assertion_seen",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("dead_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti", name=op.f("pk_assertion_seen")),
    )
    with op.batch_alter_table("assertion_seen", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_assertion_seen_dead_at"), ["dead_at"], unique=False)

    op.create_table(
        "audit",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(
            "ix_audit_subject_read",
            ["subject"],
            unique=False,
            sqlite_where=sa.text("action = 'R'"),
            postgresql_where=sa.text("action = 'R'"),
        )

    op.create_table(
        "disclosure",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "subject", "hour", "version", name=op.f("pk_disclosure")),
    )
    op.create_table(
        "inbound_message",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("replayed_as", sa.Text(), nullable=True),
        sa.Column("request", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_message")),
    )
    with op.batch_alter_table("inbound_message", schema=None) as batch_op:
        batch_op.create_index(
            "ix_inbound_message_replayed_as",
            ["replayed_as"],
            unique=False,
            sqlite_where=sa.text("replayed_as IS NOT NULL"),
            postgresql_where=sa.text("replayed_as IS NOT NULL"),
        )
        batch_op.create_index("ix_inbound_message_tenant_id_received_at", ["tenant_id", "received_at"], unique=False)

    op.create_table(
        "message_control",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("acknowledgement", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key", name=op.f("pk_message_control")),
    )
    with op.batch_alter_table("message_control", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_control_received_at"), ["received_at"], unique=False)

    op.create_table(
        "offer_version",
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("business_status", sa.Text(), nullable=True),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("offer_id", "version", name=op.f("pk_offer_version")),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fhir_endpoint", sa.Text(), nullable=True),
        sa.Column("hl7v2_endpoint", sa.Text(), nullable=True),
        sa.Column("identifier_system", sa.Text(), nullable=True),
        sa.Column("identifier_value", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
    )
    op.create_table(
        "unreadable_message",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("replayed_as", sa.Text(), nullable=True),
        sa.Column("sealed_request", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unreadable_message")),
    )
    with op.batch_alter_table("unreadable_message", schema=None) as batch_op:
        batch_op.create_index("ix_unreadable_message_expires_at", ["expires_at"], unique=False)
        batch_op.create_index(
            "ix_unreadable_message_of_strangers",
            ["client_id"],
            unique=False,
            sqlite_where=sa.text("client_id = 'unknown'"),
            postgresql_where=sa.text("client_id = 'unknown'"),
        )
        batch_op.create_index(
            "ix_unreadable_message_replayed_as",
            ["replayed_as"],
            unique=False,
            sqlite_where=sa.text("replayed_as IS NOT NULL"),
            postgresql_where=sa.text("replayed_as IS NOT NULL"),
        )

    op.create_table(
        "answer_link",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_answer_link_alert_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_answer_link")),
    )
    with op.batch_alter_table("answer_link", schema=None) as batch_op:
        batch_op.create_index("ix_answer_link_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "client",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("jwks", sa.Text(), nullable=True),
        sa.Column("jwks_url", sa.Text(), nullable=True),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.Column("mllp_sender", sa.Text(), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(coalesce(jwks, jwks_url) IS NULL) <> (coalesce(certificate, mllp_sender) IS NULL)",
            name=op.f("ck_client_one_kind"),
        ),
        sa.CheckConstraint("certificate IS NULL OR mllp_sender IS NULL", name=op.f("ck_client_one_name")),
        sa.CheckConstraint("jwks IS NULL OR jwks_url IS NULL", name=op.f("ck_client_one_source_of_keys")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_client_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client")),
    )
    with op.batch_alter_table("client", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_client_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(
            "uq_client_certificate_active",
            ["certificate"],
            unique=True,
            sqlite_where=sa.text("revoked_at IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL"),
        )
        batch_op.create_index(
            "uq_client_mllp_sender_active",
            ["mllp_sender"],
            unique=True,
            sqlite_where=sa.text("revoked_at IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL"),
        )

    op.create_table(
        "delivery",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("destination_id", sa.Text(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("introduces", sa.Boolean(), nullable=False),
        sa.Column("last_outcome", sa.Text(), nullable=True),
        sa.Column("control_id", sa.Text(), nullable=True),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["destination_id"], ["organisation.id"], name=op.f("fk_delivery_destination_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("destination_id", "resource_type", "resource_id", "version", name="uq_delivery_version"),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(
            "ix_delivery_unsettled",
            ["destination_id", "patient_id", "state"],
            unique=False,
            sqlite_where=sa.text("(state = 'ready' OR state = 'leased' OR state = 'unknown' OR state = 'dead')"),
            postgresql_where=sa.text("(state = 'ready' OR state = 'leased' OR state = 'unknown' OR state = 'dead')"),
        )
        batch_op.create_index(
            "ix_delivery_waiting",
            ["destination_id", "lane", "place"],
            unique=False,
            sqlite_where=sa.text("(state = 'ready' OR state = 'unknown' OR state = 'leased')"),
            postgresql_where=sa.text("(state = 'ready' OR state = 'unknown' OR state = 'leased')"),
        )

    op.create_table(
        "patient",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("preferred_name", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("interpreter", sa.Boolean(), nullable=False),
        sa.Column("deceased", sa.Boolean(), nullable=False),
        sa.Column("gender", sa.Text(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("due_said_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_on", sa.Date(), nullable=True),
        sa.Column("needs", sa.LargeBinary(), nullable=True),
        sa.Column("safe_contact", sa.LargeBinary(), nullable=True),
        sa.Column("safe_contact_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["replaced_by"], ["patient.id"], name=op.f("fk_patient_replaced_by")),
        sa.ForeignKeyConstraint(["tenant_id"], ["organisation.id"], name=op.f("fk_patient_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
    )
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.create_index(
            "ix_patient_replaced_by",
            ["replaced_by"],
            unique=False,
            sqlite_where=sa.text("replaced_by IS NOT NULL"),
            postgresql_where=sa.text("replaced_by IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_patient_safe_contact_ends_at",
            ["safe_contact_ends_at"],
            unique=False,
            sqlite_where=sa.text("safe_contact_ends_at IS NOT NULL"),
            postgresql_where=sa.text("safe_contact_ends_at IS NOT NULL"),
        )

    op.create_table(
        "programme",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("description", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_programme_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programme")),
    )
    with op.batch_alter_table("programme", schema=None) as batch_op:
        batch_op.create_index("ix_programme_organisation_id", ["organisation_id"], unique=False)

    op.create_table(
        "resource_version",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["inbound_message.id"], name=op.f("fk_resource_version_message_id")),
        sa.PrimaryKeyConstraint("type", "id", "version", name=op.f("pk_resource_version")),
    )
    with op.batch_alter_table("resource_version", schema=None) as batch_op:
        batch_op.create_index("ix_resource_version_tenant_id_stamp", ["tenant_id", "stamp"], unique=False)

    op.create_table(
        "access_token",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_access_token_client_id")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_access_token")),
    )
    with op.batch_alter_table("access_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_token_client_id"), ["client_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_token_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "consent",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("permits", sa.Boolean(), nullable=False),
        sa.Column("recipient_id", sa.Text(), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("purposes", sa.LargeBinary(), nullable=False),
        sa.Column("may_report_back", sa.Boolean(), nullable=False),
        sa.Column("safe_contact", sa.LargeBinary(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("may_refuse", sa.Boolean(), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("safe_contact_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_consent_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index("ix_consent_begins_at", ["begins_at"], unique=False)
        batch_op.create_index("ix_consent_ends_at", ["ends_at"], unique=False)
        batch_op.create_index("ix_consent_patient_id", ["patient_id"], unique=False)
        batch_op.create_index(
            "ix_consent_safe_contact_ends_at",
            ["safe_contact_ends_at"],
            unique=False,
            sqlite_where=sa.text("safe_contact_ends_at IS NOT NULL"),
            postgresql_where=sa.text("safe_contact_ends_at IS NOT NULL"),
        )

    op.create_table(
        "life_event",
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("happened_on", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_life_event_patient_id")),
        sa.PrimaryKeyConstraint("patient_id", "event", "happened_on", "source", name=op.f("pk_life_event")),
    )
    op.create_table(
        "referral",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result_id", sa.Text(), nullable=True),
        sa.Column("place_again_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_referral_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referral")),
    )
    with op.batch_alter_table("referral", schema=None) as batch_op:
        batch_op.create_index("ix_referral_patient_id", ["patient_id"], unique=False)
        batch_op.create_index("ix_referral_place_again_at", ["place_again_at"], unique=False)
        batch_op.create_index("ix_referral_tenant_id_stamp", ["tenant_id", "stamp"], unique=False)
        batch_op.create_index(
            "uq_referral_patient_id_open",
            ["patient_id"],
            unique=True,
            sqlite_where=sa.text(
                "(state = 'in-review' OR state = 'awaiting-consent' OR state = 'placing' OR state = 'offered'"
                " OR state = 'supported' OR state = 'on-hold')"
            ),
            postgresql_where=sa.text(
                "(state = 'in-review' OR state = 'awaiting-consent' OR state = 'placing' OR state = 'offered'"
                " OR state = 'supported' OR state = 'on-hold')"
            ),
        )

    op.create_table(
        "screening_result",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("instrument_id", sa.Text(), nullable=False),
        sa.Column("respondent", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("pieces", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("self_harm", sa.Text(), nullable=True),
        sa.Column("needs_review", sa.Boolean(), nullable=True),
        sa.Column("harm", sa.Integer(), nullable=True),
        sa.Column("referral_id", sa.Text(), nullable=True),
        sa.Column("waits_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_screening_result_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screening_result")),
        sa.UniqueConstraint(
            "patient_id", "instrument_id", "respondent", "effective_at", name="uq_screening_result_administration"
        ),
    )
    with op.batch_alter_table("screening_result", schema=None) as batch_op:
        batch_op.create_index(
            "ix_screening_result_referral_id",
            ["referral_id"],
            unique=False,
            sqlite_where=sa.text("referral_id IS NOT NULL"),
            postgresql_where=sa.text("referral_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_screening_result_waits_until",
            ["waits_until"],
            unique=False,
            sqlite_where=sa.text("waits_until IS NOT NULL"),
            postgresql_where=sa.text("waits_until IS NOT NULL"),
        )

    op.create_table(
        "decision",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("result_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("self_harm", sa.Text(), nullable=False),
        sa.Column("reasons", sa.LargeBinary(), nullable=False),
        sa.Column("rule_version", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["result_id"], ["screening_result.id"], name=op.f("fk_decision_result_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
    )
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.create_index("ix_decision_result_id", ["result_id"], unique=False)

    op.create_table(
        "instruction",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("referral_id", sa.Text(), nullable=False),
        sa.Column("order", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("practitioner", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_instruction_referral_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instruction")),
    )
    with op.batch_alter_table("instruction", schema=None) as batch_op:
        batch_op.create_index("ix_instruction_referral_id", ["referral_id"], unique=False)

    op.create_table(
        "note",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("referral_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_note_referral_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
    )
    with op.batch_alter_table("note", schema=None) as batch_op:
        batch_op.create_index("ix_note_referral_id", ["referral_id"], unique=False)

    op.create_table(
        "offer",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("referral_id", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("programme_id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("business_status", sa.Text(), nullable=True),
        sa.Column("recalled", sa.Boolean(), nullable=False),
        sa.Column("ending", sa.Text(), nullable=True),
        sa.Column("patient_handle", sa.Text(), nullable=False),
        sa.Column("service_request_handle", sa.Text(), nullable=False),
        sa.Column("consent_handle", sa.Text(), nullable=False),
        sa.Column("observation_handle", sa.Text(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("respond_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("let_go_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_offer_organisation_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_offer_patient_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_offer_programme_id")),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_offer_referral_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
        sa.UniqueConstraint("consent_handle", name=op.f("uq_offer_consent_handle")),
        sa.UniqueConstraint("observation_handle", name=op.f("uq_offer_observation_handle")),
        sa.UniqueConstraint("patient_handle", name=op.f("uq_offer_patient_handle")),
        sa.UniqueConstraint("service_request_handle", name=op.f("uq_offer_service_request_handle")),
    )
    with op.batch_alter_table("offer", schema=None) as batch_op:
        batch_op.create_index("ix_offer_organisation_id_stamp_id", ["organisation_id", "stamp", "id"], unique=False)
        batch_op.create_index("ix_offer_patient_id", ["patient_id"], unique=False)
        batch_op.create_index("ix_offer_programme_id_state", ["programme_id", "state"], unique=False)
        batch_op.create_index("ix_offer_referral_id", ["referral_id"], unique=False)
        batch_op.create_index(
            "ix_offer_stamp_tombstone",
            ["stamp"],
            unique=False,
            sqlite_where=sa.text(
                "let_go_at IS NULL AND (state = 'rejected' OR state = 'cancelled' OR state = 'entered-in-error')"
            ),
            postgresql_where=sa.text(
                "let_go_at IS NULL AND (state = 'rejected' OR state = 'cancelled' OR state = 'entered-in-error')"
            ),
        )
        batch_op.create_index("ix_offer_state_respond_by", ["state", "respond_by"], unique=False)
        batch_op.create_index("ix_offer_tenant_id_stamp", ["tenant_id", "stamp"], unique=False)

    op.create_table(
        "placement",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("referral_id", sa.Text(), nullable=False),
        sa.Column("judged", sa.LargeBinary(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_placement_referral_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_placement")),
    )
    with op.batch_alter_table("placement", schema=None) as batch_op:
        batch_op.create_index("ix_placement_referral_id", ["referral_id"], unique=False)

    op.create_table(
        "contact",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["offer.id"], name=op.f("fk_contact_offer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
    )
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.create_index("ix_contact_offer_id", ["offer_id"], unique=False)

    op.create_table(
        "escalation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=True),
        sa.Column("programme_id", sa.Text(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_escalation_alert_id")),
        sa.ForeignKeyConstraint(["offer_id"], ["offer.id"], name=op.f("fk_escalation_offer_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_escalation_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation")),
        sa.UniqueConstraint("alert_id", name=op.f("uq_escalation_alert_id")),
    )
    with op.batch_alter_table("escalation", schema=None) as batch_op:
        batch_op.create_index("ix_escalation_offer_id", ["offer_id"], unique=False)

    op.create_table(
        "offer_report",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("element", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["offer.id"], name=op.f("fk_offer_report_offer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer_report")),
    )
    with op.batch_alter_table("offer_report", schema=None) as batch_op:
        batch_op.create_index("ix_offer_report_offer_id", ["offer_id"], unique=False)

    op.create_table(
        "unseen_change",
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("see_by", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["offer.id"], name=op.f("fk_unseen_change_offer_id")),
        sa.PrimaryKeyConstraint("offer_id", "version", name=op.f("pk_unseen_change")),
    )
    with op.batch_alter_table("unseen_change", schema=None) as batch_op:
        batch_op.create_index("ix_unseen_change_see_by", ["see_by"], unique=False)
