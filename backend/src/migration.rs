//! The tables of the backend, by numbered migrations.

use sea_orm_migration::prelude::*;

pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(First), Box::new(Lanes), Box::new(Costs), Box::new(Stages)]
    }
}

struct First;
struct Lanes;
struct Costs;
struct Stages;

impl MigrationName for First {
    fn name(&self) -> &str {
        "m0001_first"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    #[expect(
        elided_lifetimes_in_paths,
        reason = "the trait of the library leaves the lifetime out"
    )]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "
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
            );";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}

impl MigrationName for Lanes {
    fn name(&self) -> &str {
        "m0002_lanes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Lanes {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    #[expect(
        elided_lifetimes_in_paths,
        reason = "the trait of the library leaves the lifetime out"
    )]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Jobs of an older version are few and soon over; they share one lane.
        let sql = "
            ALTER TABLE job ADD COLUMN lane TEXT NOT NULL DEFAULT 'local';
            ALTER TABLE job ADD COLUMN submission TEXT;
            CREATE TABLE turn (
                lane TEXT PRIMARY KEY,
                served BIGINT NOT NULL
            );
            CREATE INDEX job_lane ON job (lane, status);";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}

impl MigrationName for Costs {
    fn name(&self) -> &str {
        "m0003_costs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Costs {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    #[expect(
        elided_lifetimes_in_paths,
        reason = "the trait of the library leaves the lifetime out"
    )]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "
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
            );";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}

impl MigrationName for Stages {
    fn name(&self) -> &str {
        "m0004_stages"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Stages {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    #[expect(
        elided_lifetimes_in_paths,
        reason = "the trait of the library leaves the lifetime out"
    )]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "
            ALTER TABLE job ADD COLUMN parent_id TEXT;
            ALTER TABLE job ADD COLUMN child_key TEXT;
            ALTER TABLE job ADD COLUMN child_of TEXT;
            ALTER TABLE job ADD COLUMN waits BIGINT NOT NULL DEFAULT 0;
            CREATE UNIQUE INDEX job_child ON job (parent_id, child_key);
            CREATE INDEX job_fingerprint ON job (fingerprint);";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
