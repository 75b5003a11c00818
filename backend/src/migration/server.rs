//! The tables of a server. One text serves SQLite and PostgreSQL; where they differ there is a
//! second one beside it.

use super::Step;

pub(super) mod later;

/// Only on a server.
pub(super) const STEPS: &[Step] = &[
    Step::both(
        "s0001_accounts",
        "
        CREATE TABLE account (
            id TEXT PRIMARY KEY,
            handle TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            bio TEXT NOT NULL DEFAULT '',
            email TEXT NOT NULL UNIQUE,
            email_verified BIGINT NOT NULL DEFAULT 0,
            password TEXT NOT NULL,
            totp TEXT,
            role TEXT NOT NULL DEFAULT 'member',
            state TEXT NOT NULL DEFAULT 'active',
            state_reason TEXT NOT NULL DEFAULT '',
            state_until_ms BIGINT,
            plan TEXT NOT NULL DEFAULT 'free',
            stripe_customer TEXT,
            plot BIGINT NOT NULL UNIQUE,
            works BIGINT NOT NULL DEFAULT 0,
            followers BIGINT NOT NULL DEFAULT 0,
            following BIGINT NOT NULL DEFAULT 0,
            created_at_ms BIGINT NOT NULL,
            leaves_at_ms BIGINT,
            keeps_works BIGINT NOT NULL DEFAULT 0
        );
        CREATE INDEX account_created ON account (created_at_ms, id);
        CREATE INDEX account_leaves ON account (leaves_at_ms) WHERE leaves_at_ms IS NOT NULL;
        CREATE TABLE plot (
            n BIGINT PRIMARY KEY,
            px BIGINT NOT NULL,
            py BIGINT NOT NULL,
            account TEXT NOT NULL REFERENCES account (id),
            taken BIGINT NOT NULL DEFAULT 0
        );
        CREATE UNIQUE INDEX plot_at ON plot (px, py);
        CREATE INDEX plot_account ON plot (account, n);
        CREATE TABLE counter (
            name TEXT PRIMARY KEY,
            value BIGINT NOT NULL
        );
        INSERT INTO counter (name, value) VALUES ('plot', 0);
        CREATE TABLE refresh_token (
            hash TEXT PRIMARY KEY,
            family TEXT NOT NULL,
            account TEXT NOT NULL REFERENCES account (id),
            client TEXT NOT NULL DEFAULT '',
            created_at_ms BIGINT NOT NULL,
            expires_at_ms BIGINT NOT NULL,
            used_at_ms BIGINT,
            successor TEXT,
            revoked BIGINT NOT NULL DEFAULT 0
        );
        CREATE INDEX refresh_family ON refresh_token (family);
        CREATE INDEX refresh_account ON refresh_token (account);
        CREATE TABLE device_code (
            hash TEXT PRIMARY KEY,
            user_code TEXT NOT NULL UNIQUE,
            client TEXT NOT NULL,
            account TEXT,
            state TEXT NOT NULL,
            interval_s BIGINT NOT NULL,
            asked_at_ms BIGINT NOT NULL,
            expires_at_ms BIGINT NOT NULL
        );
        CREATE TABLE letter_token (
            hash TEXT PRIMARY KEY,
            account TEXT NOT NULL REFERENCES account (id),
            purpose TEXT NOT NULL,
            expires_at_ms BIGINT NOT NULL,
            used BIGINT NOT NULL DEFAULT 0
        );
        CREATE TABLE api_key (
            id TEXT PRIMARY KEY,
            account TEXT NOT NULL REFERENCES account (id),
            name TEXT NOT NULL,
            hash TEXT NOT NULL,
            scopes TEXT NOT NULL,
            day_limit BIGINT,
            month_limit BIGINT,
            expires_at_ms BIGINT,
            last_used_at_ms BIGINT,
            created_at_ms BIGINT NOT NULL,
            revoked BIGINT NOT NULL DEFAULT 0
        );
        CREATE INDEX api_key_account ON api_key (account);
        CREATE TABLE web_session (
            hash TEXT PRIMARY KEY,
            account TEXT NOT NULL REFERENCES account (id),
            created_at_ms BIGINT NOT NULL,
            seen_at_ms BIGINT NOT NULL,
            proved_at_ms BIGINT NOT NULL,
            strong BIGINT NOT NULL DEFAULT 0,
            expires_at_ms BIGINT NOT NULL
        );
        CREATE TABLE server_secret (
            name TEXT PRIMARY KEY,
            value TEXT NOT NULL,
            created_at_ms BIGINT NOT NULL
        );
        CREATE TABLE idempotency (
            account TEXT NOT NULL,
            route TEXT NOT NULL,
            idempotency_key TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            status BIGINT NOT NULL,
            body TEXT NOT NULL,
            at_ms BIGINT NOT NULL,
            PRIMARY KEY (account, route, idempotency_key)
        );
        CREATE TABLE audit (
            n BIGINT PRIMARY KEY,
            at_ms BIGINT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            target TEXT NOT NULL,
            detail TEXT NOT NULL,
            hash TEXT NOT NULL
        );",
    ),
    Step::both(
        "s0002_ledger",
        "
        CREATE TABLE ledger_account (
            id TEXT PRIMARY KEY,
            balance BIGINT NOT NULL DEFAULT 0,
            floor BIGINT
        );
        CREATE TABLE ledger_transfer (
            id TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            reference TEXT NOT NULL UNIQUE,
            account TEXT NOT NULL,
            job TEXT,
            api_key TEXT,
            memo TEXT NOT NULL,
            at_ms BIGINT NOT NULL
        );
        CREATE INDEX ledger_of ON ledger_transfer (account, at_ms, id);
        CREATE INDEX ledger_job ON ledger_transfer (job);
        CREATE TABLE ledger_entry (
            transfer TEXT NOT NULL REFERENCES ledger_transfer (id),
            account TEXT NOT NULL REFERENCES ledger_account (id),
            amount BIGINT NOT NULL,
            PRIMARY KEY (transfer, account)
        );
        CREATE INDEX ledger_entry_account ON ledger_entry (account);
        CREATE TABLE plan (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            price_cents BIGINT NOT NULL,
            monthly_micro BIGINT NOT NULL,
            concurrent_jobs BIGINT NOT NULL,
            jobs_per_day BIGINT NOT NULL,
            storage_bytes BIGINT NOT NULL,
            upload_bytes BIGINT NOT NULL,
            version BIGINT NOT NULL DEFAULT 1
        );
        INSERT INTO plan (id, name, price_cents, monthly_micro, concurrent_jobs, jobs_per_day, storage_bytes, upload_bytes)
        VALUES ('free', 'Free', 0, 0, 2, 200, 2000000000, 268435456),
               ('maker', 'Maker', 900, 1000000000, 6, 2000, 50000000000, 1073741824);
        CREATE TABLE payment_order (
            id TEXT PRIMARY KEY,
            account TEXT NOT NULL REFERENCES account (id),
            tokens BIGINT NOT NULL,
            cents BIGINT NOT NULL,
            state TEXT NOT NULL,
            session TEXT,
            intent TEXT UNIQUE,
            refunded_cents BIGINT NOT NULL DEFAULT 0,
            created_at_ms BIGINT NOT NULL
        );
        CREATE INDEX payment_account ON payment_order (account, created_at_ms);
        CREATE TABLE payment_event (
            id TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            object TEXT NOT NULL,
            at_ms BIGINT NOT NULL,
            handled BIGINT NOT NULL DEFAULT 0,
            attempts BIGINT NOT NULL DEFAULT 0,
            due_at_ms BIGINT NOT NULL DEFAULT 0,
            note TEXT NOT NULL DEFAULT ''
        );",
    ),
    Step::both(
        "s0003_works",
        "
        CREATE TABLE asset (
            hash TEXT PRIMARY KEY,
            served TEXT NOT NULL,
            kind TEXT NOT NULL,
            content_type TEXT NOT NULL,
            size BIGINT NOT NULL,
            width BIGINT NOT NULL,
            height BIGINT NOT NULL,
            duration_ms BIGINT NOT NULL,
            rgb BIGINT NOT NULL,
            poster TEXT,
            created_at_ms BIGINT NOT NULL
        );
        CREATE INDEX asset_served ON asset (served);
        CREATE INDEX asset_poster ON asset (poster);
        CREATE TABLE asset_owner (
            account TEXT NOT NULL REFERENCES account (id),
            hash TEXT NOT NULL REFERENCES asset (hash),
            created_at_ms BIGINT NOT NULL,
            PRIMARY KEY (account, hash)
        );
        CREATE INDEX asset_owner_hash ON asset_owner (hash);
        CREATE TABLE upload (
            id TEXT PRIMARY KEY,
            account TEXT NOT NULL REFERENCES account (id),
            size BIGINT NOT NULL,
            received BIGINT NOT NULL,
            wanted TEXT NOT NULL,
            hash TEXT,
            expires_at_ms BIGINT NOT NULL
        );
        CREATE TABLE work (
            id TEXT PRIMARY KEY,
            author TEXT NOT NULL REFERENCES account (id),
            fingerprint TEXT NOT NULL,
            kind TEXT NOT NULL,
            title TEXT NOT NULL,
            text TEXT NOT NULL DEFAULT '',
            tags TEXT NOT NULL DEFAULT '',
            visibility TEXT NOT NULL,
            state TEXT NOT NULL,
            state_reason TEXT NOT NULL DEFAULT '',
            asset TEXT,
            original TEXT,
            content_type TEXT NOT NULL DEFAULT '',
            size BIGINT NOT NULL DEFAULT 0,
            width BIGINT NOT NULL DEFAULT 0,
            height BIGINT NOT NULL DEFAULT 0,
            duration_ms BIGINT NOT NULL DEFAULT 0,
            rgb BIGINT NOT NULL DEFAULT 0,
            poster TEXT,
            licence TEXT NOT NULL,
            may_reuse BIGINT NOT NULL,
            may_comment BIGINT NOT NULL,
            shows_recipe BIGINT NOT NULL,
            shows_sources BIGINT NOT NULL,
            recipe TEXT NOT NULL,
            sources TEXT NOT NULL,
            slug TEXT UNIQUE,
            on_wall BIGINT NOT NULL DEFAULT 0,
            plot BIGINT,
            cell BIGINT,
            px BIGINT,
            py BIGINT,
            x DOUBLE PRECISION,
            y DOUBLE PRECISION,
            w DOUBLE PRECISION NOT NULL DEFAULT 200,
            h DOUBLE PRECISION NOT NULL DEFAULT 200,
            likes BIGINT NOT NULL DEFAULT 0,
            votes_up BIGINT NOT NULL DEFAULT 0,
            votes_down BIGINT NOT NULL DEFAULT 0,
            comments BIGINT NOT NULL DEFAULT 0,
            reuses BIGINT NOT NULL DEFAULT 0,
            hot DOUBLE PRECISION NOT NULL DEFAULT 0,
            top DOUBLE PRECISION NOT NULL DEFAULT 0,
            created_at_ms BIGINT NOT NULL,
            published_at_ms BIGINT,
            version BIGINT NOT NULL DEFAULT 1
        );
        CREATE UNIQUE INDEX work_cell ON work (plot, cell);
        CREATE INDEX work_place ON work (px, py, hot) WHERE on_wall = 1;
        CREATE INDEX work_new ON work (published_at_ms, id) WHERE on_wall = 1;
        CREATE INDEX work_hot ON work (hot, id) WHERE on_wall = 1;
        CREATE INDEX work_top ON work (top, id) WHERE on_wall = 1;
        CREATE INDEX work_author ON work (author, created_at_ms, id);
        CREATE INDEX work_asset ON work (asset);
        CREATE INDEX work_poster ON work (poster);
        CREATE INDEX work_original ON work (original);
        CREATE TABLE work_source (
            work TEXT NOT NULL REFERENCES work (id),
            source TEXT NOT NULL REFERENCES work (id),
            PRIMARY KEY (work, source)
        );
        CREATE INDEX work_source_of ON work_source (source);
        CREATE TABLE cell_sum (
            z BIGINT NOT NULL,
            cx BIGINT NOT NULL,
            cy BIGINT NOT NULL,
            count BIGINT NOT NULL,
            texts BIGINT NOT NULL,
            images BIGINT NOT NULL,
            voices BIGINT NOT NULL,
            videos BIGINT NOT NULL,
            r BIGINT NOT NULL,
            g BIGINT NOT NULL,
            b BIGINT NOT NULL,
            best TEXT,
            best_hot DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (z, cx, cy)
        );
        CREATE TABLE wall_change (
            id TEXT PRIMARY KEY,
            px BIGINT NOT NULL,
            py BIGINT NOT NULL,
            tx BIGINT NOT NULL,
            ty BIGINT NOT NULL,
            at_ms BIGINT NOT NULL,
            summed BIGINT NOT NULL DEFAULT 0
        );
        CREATE INDEX wall_change_open ON wall_change (summed, id);
        CREATE INDEX wall_change_at ON wall_change (at_ms);",
    ),
    Step::both(
        "s0004_social",
        "
        CREATE TABLE work_like (
            work TEXT NOT NULL REFERENCES work (id),
            account TEXT NOT NULL REFERENCES account (id),
            at_ms BIGINT NOT NULL,
            PRIMARY KEY (work, account)
        );
        CREATE INDEX work_like_account ON work_like (account);
        CREATE TABLE work_vote (
            work TEXT NOT NULL REFERENCES work (id),
            account TEXT NOT NULL REFERENCES account (id),
            value BIGINT NOT NULL,
            PRIMARY KEY (work, account)
        );
        CREATE INDEX work_vote_account ON work_vote (account);
        CREATE TABLE comment (
            id TEXT PRIMARY KEY,
            work TEXT NOT NULL REFERENCES work (id),
            author TEXT NOT NULL REFERENCES account (id),
            reply_to TEXT,
            text TEXT NOT NULL,
            state TEXT NOT NULL,
            created_at_ms BIGINT NOT NULL,
            edited_at_ms BIGINT
        );
        CREATE INDEX comment_work ON comment (work, created_at_ms, id);
        CREATE INDEX comment_author ON comment (author);
        CREATE TABLE follow (
            follower TEXT NOT NULL REFERENCES account (id),
            followed TEXT NOT NULL REFERENCES account (id),
            at_ms BIGINT NOT NULL,
            PRIMARY KEY (follower, followed)
        );
        CREATE INDEX follow_of ON follow (followed);
        CREATE TABLE notification (
            id TEXT PRIMARY KEY,
            account TEXT NOT NULL REFERENCES account (id),
            kind TEXT NOT NULL,
            by_account TEXT,
            work TEXT,
            text TEXT NOT NULL,
            reference TEXT UNIQUE,
            at_ms BIGINT NOT NULL,
            read BIGINT NOT NULL DEFAULT 0
        );
        CREATE INDEX notification_of ON notification (account, at_ms, id);
        CREATE TABLE report (
            id TEXT PRIMARY KEY,
            reporter TEXT NOT NULL REFERENCES account (id),
            target_kind TEXT NOT NULL,
            target TEXT NOT NULL,
            reason TEXT NOT NULL,
            text TEXT NOT NULL,
            state TEXT NOT NULL,
            created_at_ms BIGINT NOT NULL
        );
        CREATE UNIQUE INDEX report_once ON report (reporter, target_kind, target) WHERE state = 'open';
        CREATE INDEX report_open ON report (state, created_at_ms);
        CREATE TABLE decision (
            id TEXT PRIMARY KEY,
            target_kind TEXT NOT NULL,
            target TEXT NOT NULL,
            owner TEXT NOT NULL REFERENCES account (id),
            moderator TEXT NOT NULL,
            action TEXT NOT NULL,
            reason TEXT NOT NULL,
            before_state TEXT NOT NULL,
            at_ms BIGINT NOT NULL,
            appeal TEXT NOT NULL DEFAULT 'none',
            appeal_text TEXT NOT NULL DEFAULT '',
            appeal_by TEXT NOT NULL DEFAULT ''
        );
        CREATE INDEX decision_owner ON decision (owner, at_ms);
        CREATE TABLE webhook_endpoint (
            id TEXT PRIMARY KEY,
            account TEXT NOT NULL REFERENCES account (id),
            url TEXT NOT NULL,
            kinds TEXT NOT NULL,
            secret TEXT NOT NULL,
            old_secret TEXT,
            old_until_ms BIGINT,
            state TEXT NOT NULL DEFAULT 'on',
            failing_since_ms BIGINT,
            created_at_ms BIGINT NOT NULL
        );
        CREATE INDEX webhook_account ON webhook_endpoint (account);
        CREATE TABLE webhook_delivery (
            id TEXT PRIMARY KEY,
            endpoint TEXT NOT NULL REFERENCES webhook_endpoint (id),
            kind TEXT NOT NULL,
            body TEXT NOT NULL,
            attempt BIGINT NOT NULL DEFAULT 0,
            due_at_ms BIGINT NOT NULL,
            state TEXT NOT NULL,
            answer BIGINT,
            created_at_ms BIGINT NOT NULL,
            UNIQUE (endpoint, kind, body)
        );
        CREATE INDEX webhook_due ON webhook_delivery (state, due_at_ms);",
    ),
    Step {
        name: "s0005_search",
        sqlite: "
        CREATE VIRTUAL TABLE work_words USING fts5 (work UNINDEXED, words, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');
        CREATE VIRTUAL TABLE account_words USING fts5 (account UNINDEXED, words, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');",
        postgres: "
        CREATE TABLE work_words (work TEXT PRIMARY KEY REFERENCES work (id), words TSVECTOR NOT NULL);
        CREATE INDEX work_words_of ON work_words USING gin (words);
        CREATE TABLE account_words (account TEXT PRIMARY KEY REFERENCES account (id), words TSVECTOR NOT NULL);
        CREATE INDEX account_words_of ON account_words USING gin (words);",
    },
];
