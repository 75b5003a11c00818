//! What a server learned after its first tables: grants that end, subscriptions, settings of notices,
//! ends of jobs that are told once, calls of providers that are believed once.

use crate::migration::Step;

/// After the first tables of a server.
pub(in crate::migration) const STEPS: &[Step] = &[
    Step::both(
        "s0006_grants",
        "
        CREATE TABLE token_lot (
            reference TEXT PRIMARY KEY,
            account TEXT NOT NULL REFERENCES account (id),
            micro BIGINT NOT NULL,
            used_micro BIGINT NOT NULL DEFAULT 0,
            expires_at_ms BIGINT NOT NULL,
            ended BIGINT NOT NULL DEFAULT 0
        );
        CREATE INDEX token_lot_open ON token_lot (account, expires_at_ms) WHERE ended = 0;
        CREATE INDEX token_lot_due ON token_lot (expires_at_ms) WHERE ended = 0;
        ALTER TABLE account ADD COLUMN subscription TEXT;
        ALTER TABLE account ADD COLUMN renews_at_ms BIGINT;
        CREATE INDEX account_subscription ON account (subscription) WHERE subscription IS NOT NULL;
        ALTER TABLE payment_order ADD COLUMN plan TEXT;",
    ),
    Step::both(
        "s0007_notices",
        "
        ALTER TABLE account ADD COLUMN notices_off TEXT NOT NULL DEFAULT '';
        ALTER TABLE account ADD COLUMN digest BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE account ADD COLUMN digest_at_ms BIGINT NOT NULL DEFAULT 0;
        CREATE INDEX account_digest ON account (digest_at_ms) WHERE digest = 1;
        CREATE INDEX notification_at ON notification (at_ms);
        ALTER TABLE notification ADD COLUMN mailed BIGINT NOT NULL DEFAULT 1;
        CREATE INDEX notification_letter ON notification (at_ms) WHERE mailed = 0;",
    ),
    // Codes of the second factor are good once; a decision that was lifted counts no more.
    Step::both(
        "s0008_once",
        "
        ALTER TABLE account ADD COLUMN totp_step BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE decision ADD COLUMN lifted BIGINT NOT NULL DEFAULT 0;
        CREATE INDEX decision_target ON decision (target_kind, target, at_ms);
        CREATE TABLE provider_call (
            engine TEXT NOT NULL,
            id TEXT NOT NULL,
            at_ms BIGINT NOT NULL,
            PRIMARY KEY (engine, id)
        );
        ALTER TABLE job ADD COLUMN poked BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE job ADD COLUMN told BIGINT NOT NULL DEFAULT 0;
        UPDATE job SET told = 1 WHERE status IN ('succeeded', 'failed', 'canceled', 'expired');
        CREATE INDEX job_untold ON job (status) WHERE told = 0;
        CREATE TABLE blob_drop (hash TEXT PRIMARY KEY, at_ms BIGINT NOT NULL);
        CREATE INDEX asset_owner_at ON asset_owner (created_at_ms);",
    ),
    // What is taken back of a lot, letters that are tried again, media that are brought while they are
    // dropped.
    Step::both(
        "s0009_kept",
        "
        ALTER TABLE token_lot ADD COLUMN gone_micro BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE token_lot ADD COLUMN refunded_micro BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE token_lot ADD COLUMN disputed_micro BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE notification ADD COLUMN mail_at_ms BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE notification ADD COLUMN mail_tries BIGINT NOT NULL DEFAULT 0;
        DROP INDEX notification_letter;
        CREATE INDEX notification_letter ON notification (mail_at_ms) WHERE mailed = 0;
        ALTER TABLE blob_drop ADD COLUMN dropping BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE blob_drop ADD COLUMN again BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE blob_drop ADD COLUMN brought BIGINT NOT NULL DEFAULT 0;
        CREATE TABLE blob_keep (hash TEXT PRIMARY KEY, content_type TEXT NOT NULL);",
    ),
    // What is looked for each minute or oftener is found without a look at everything else.
    Step::both(
        "s0010_found",
        "
        DROP INDEX asset_owner_at;
        CREATE INDEX asset_owner_at ON asset_owner (created_at_ms, account, hash);
        CREATE INDEX refresh_token_until ON refresh_token (expires_at_ms);
        CREATE INDEX notification_work ON notification (work) WHERE work IS NOT NULL;
        CREATE INDEX notification_by ON notification (by_account) WHERE by_account IS NOT NULL;
        CREATE INDEX payment_event_at ON payment_event (at_ms);
        CREATE INDEX payment_event_open ON payment_event (due_at_ms) WHERE handled = 0;",
    ),
    // FTS5 finds the words of one work only by their row; PostgreSQL has a key.
    Step {
        name: "s0011_words",
        sqlite: "
        CREATE TABLE work_words_row (n INTEGER PRIMARY KEY AUTOINCREMENT, work TEXT NOT NULL UNIQUE);
        INSERT OR IGNORE INTO work_words_row (n, work) SELECT rowid, work FROM work_words ORDER BY rowid;
        DELETE FROM work_words WHERE rowid NOT IN (SELECT n FROM work_words_row);
        CREATE TABLE account_words_row (n INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL UNIQUE);
        INSERT OR IGNORE INTO account_words_row (n, account) SELECT rowid, account FROM account_words ORDER BY rowid;
        DELETE FROM account_words WHERE rowid NOT IN (SELECT n FROM account_words_row);",
        postgres: "SELECT 1;",
    },
];
