//! The tables of the backend, by numbered migrations. One that was released is never changed.

use sea_orm_migration::prelude::*;

use sea_orm::DbBackend;

mod server;

/// What every home needs: jobs, engines, what was spent.
pub(crate) struct Migrator;

/// What a server needs besides: people, the ledger, works, the wall.
pub(crate) struct ServerMigrator;

fn boxed<'a>(steps: impl Iterator<Item = &'a Step>) -> Vec<Box<dyn MigrationTrait>> {
    steps.map(|step| Box::new(*step) as Box<dyn MigrationTrait>).collect()
}

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        boxed(STEPS.iter())
    }
}

#[async_trait::async_trait]
impl MigratorTrait for ServerMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        boxed(STEPS.iter().chain(server::STEPS).chain(server::later::STEPS))
    }
}

/// A migration: its name, by which it is remembered, and its statements.
#[derive(Clone, Copy)]
struct Step {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

impl Step {
    /// Statements that both databases understand.
    const fn both(name: &'static str, sql: &'static str) -> Self {
        Self { name, sqlite: sql, postgres: sql }
    }
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    #[expect(
        elided_lifetimes_in_paths,
        reason = "the trait of the library leaves the lifetime out"
    )]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DbBackend::Postgres => self.postgres,
            _ => self.sqlite,
        };
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}

const STEPS: &[Step] = &[
    Step::both(
        "m0001_first",
        "
        CREATE TABLE job (
            id TEXT PRIMARY KEY,
            fingerprint TEXT NOT NULL,
            request TEXT NOT NULL,
            status TEXT NOT NULL,
            submit_state TEXT NOT NULL,
            handle TEXT,
            lease_owner TEXT,
            lease_seq BIGINT NOT NULL,
            lease_until_ms BIGINT NOT NULL,
            attempt BIGINT NOT NULL,
            run_at_ms BIGINT NOT NULL,
            deadline_at_ms BIGINT NOT NULL,
            created_at_ms BIGINT NOT NULL,
            started_at_ms BIGINT,
            finished_at_ms BIGINT,
            version BIGINT NOT NULL,
            stage TEXT NOT NULL,
            released BIGINT NOT NULL DEFAULT 0,
            result TEXT,
            error TEXT
        );
        CREATE INDEX job_queue ON job (status, run_at_ms, created_at_ms);
        CREATE TABLE engine (
            name TEXT PRIMARY KEY,
            adapter TEXT NOT NULL,
            base_url TEXT NOT NULL,
            model TEXT NOT NULL
        );",
    ),
    // Jobs of an older version are few and soon over; they share one lane.
    Step::both(
        "m0002_lanes",
        "
        ALTER TABLE job ADD COLUMN lane TEXT NOT NULL DEFAULT 'local';
        ALTER TABLE job ADD COLUMN submission TEXT;
        CREATE TABLE turn (
            lane TEXT PRIMARY KEY,
            served BIGINT NOT NULL
        );
        CREATE INDEX job_lane ON job (lane, status);",
    ),
    Step::both(
        "m0003_costs",
        "
        ALTER TABLE job ADD COLUMN estimate_micro BIGINT;
        CREATE TABLE spent (
            job_id TEXT PRIMARY KEY,
            at_ms BIGINT NOT NULL,
            engine TEXT NOT NULL,
            kind TEXT NOT NULL,
            succeeded BIGINT NOT NULL,
            took_ms BIGINT NOT NULL,
            bytes BIGINT NOT NULL,
            cost_micro BIGINT
        );
        CREATE INDEX spent_at ON spent (at_ms);
        CREATE TABLE limits (
            name TEXT PRIMARY KEY,
            value BIGINT NOT NULL
        );",
    ),
    Step::both(
        "m0004_stages",
        "
        ALTER TABLE job ADD COLUMN parent_id TEXT;
        ALTER TABLE job ADD COLUMN child_key TEXT;
        ALTER TABLE job ADD COLUMN child_of TEXT;
        ALTER TABLE job ADD COLUMN waits BIGINT NOT NULL DEFAULT 0;
        CREATE UNIQUE INDEX job_child ON job (parent_id, child_key);
        CREATE INDEX job_fingerprint ON job (fingerprint);",
    ),
    // Of what was spent before, nobody knows which agent asked; each job asked at least once.
    Step::both(
        "m0005_agents",
        "
        ALTER TABLE spent ADD COLUMN agent TEXT NOT NULL DEFAULT '';
        ALTER TABLE spent ADD COLUMN attempts BIGINT NOT NULL DEFAULT 1;
        ALTER TABLE spent ADD COLUMN tokens_in BIGINT;
        ALTER TABLE spent ADD COLUMN tokens_out BIGINT;
        ALTER TABLE spent ADD COLUMN media_ms BIGINT NOT NULL DEFAULT 0;",
    ),
    // On the desk everything belongs to one person, who has no name there.
    Step::both(
        "m0006_owners",
        "
        ALTER TABLE job ADD COLUMN owner TEXT NOT NULL DEFAULT '';
        ALTER TABLE job ADD COLUMN owner_most BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE job ADD COLUMN hold_micro BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE job ADD COLUMN settled BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE job ADD COLUMN kind_word TEXT NOT NULL DEFAULT '';
        ALTER TABLE job ADD COLUMN reached DOUBLE PRECISION NOT NULL DEFAULT 0;
        ALTER TABLE job ADD COLUMN doing TEXT NOT NULL DEFAULT '';
        CREATE INDEX turn_served ON turn (served);
        CREATE INDEX job_owner ON job (owner, created_at_ms, id);
        CREATE INDEX job_unsettled ON job (settled) WHERE settled = 0 AND hold_micro > 0;",
    ),
    // Which jobs made or use a medium; filled from the jobs that are there by `queue::media::know`.
    Step::both(
        "m0007_media",
        "
        CREATE TABLE job_medium (
            hash TEXT NOT NULL,
            job TEXT NOT NULL,
            PRIMARY KEY (hash, job)
        );
        CREATE INDEX job_medium_job ON job_medium (job);",
    ),
    Step::both("m0008_made", "ALTER TABLE job_medium ADD COLUMN made BIGINT NOT NULL DEFAULT 0;"),
    // Results that nobody fetched are found without a look at all others.
    Step::both(
        "m0009_unfetched",
        "CREATE INDEX job_unfetched ON job (finished_at_ms) WHERE status = 'succeeded' AND released = 0;",
    ),
];
