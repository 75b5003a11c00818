//! `oto usage`: what was made, what it cost, and limits.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use oto_api_types::{Budget, Usage, UsageRow};
use oto_backend_client::Event;
use serde_json::json;

use super::print_json;
use crate::data::DataDir;
use crate::figures::{csv_field, date_of, dollars, micro_of, short_count};
use crate::home::LocalHome;
use crate::spending::{By, sums};

#[derive(Debug, Args)]
pub(super) struct UsageArgs {
    /// How many days back, today included; days are those of UTC.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Set the limit for a day in dollars, or “none”.
    #[arg(long, value_name = "AMOUNT")]
    day_limit: Option<String>,
    /// Set the limit for thirty days in dollars, or “none”.
    #[arg(long, value_name = "AMOUNT")]
    month_limit: Option<String>,
    /// Sum up by engine, by agent or by day.
    #[arg(long, value_name = "WHAT")]
    by: Option<By>,
    /// Print JSON.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print comma-separated values.
    #[arg(long)]
    csv: bool,
}

/// A limit as it is typed.
fn limit_of(text: &str) -> Result<Option<i64>> {
    if text == "none" {
        return Ok(None);
    }
    let limit = micro_of(text).with_context(|| {
        format!("“{text}” is not a limit: write an amount of dollars such as 2.50, or none")
    })?;
    Ok(Some(limit))
}

fn asked(home: &LocalHome) -> Result<Usage> {
    loop {
        let event = home.client.wait_event(Duration::from_secs(60));
        if let Event::Usage(usage) = event.context("the backend gave no answer")? {
            return Ok(usage?);
        }
    }
}

pub(super) fn run(data: &DataDir, args: &UsageArgs) -> Result<ExitCode> {
    let home = LocalHome::ask(data)?;
    home.client.usage(args.days);
    let mut usage = asked(&home)?;
    if args.day_limit.is_some() || args.month_limit.is_some() {
        let set = |typed: &Option<String>, now| typed.as_deref().map_or(Ok(now), limit_of);
        let budget = Budget {
            day_micro: set(&args.day_limit, usage.budget.day_micro)?,
            month_micro: set(&args.month_limit, usage.budget.month_micro)?,
        };
        home.client.set_budget(budget, args.days);
        usage = asked(&home)?;
    }
    let by = args.by.map(|by| (by, sums(&usage.items, by)));
    if args.json {
        print_json(&match &by {
            None => json!(usage),
            Some((by, sums)) => summed(*by, sums, &usage),
        });
    } else if args.csv {
        print_csv(&usage, by.as_ref());
    } else {
        match &by {
            None => print_rows(&usage),
            Some((by, sums)) => sums.iter().for_each(|(name, sum)| print_sum(*by, name, sum)),
        }
        let of =
            |limit: Option<i64>| limit.map_or(String::new(), |l| format!(" of {}", dollars(l)));
        println!("today {}{}", dollars(usage.today_micro), of(usage.budget.day_micro));
        println!("30 days {}{}", dollars(usage.month_micro), of(usage.budget.month_micro));
    }
    Ok(ExitCode::SUCCESS)
}

/// What is not asked by anybody oTo knows.
fn shown(name: &str) -> &str {
    if name.is_empty() { "-" } else { name }
}

fn summed(by: By, sums: &[(String, UsageRow)], usage: &Usage) -> serde_json::Value {
    let item = |(name, sum): &(String, UsageRow)| {
        json!({
            by.word(): name, "jobs": sum.calls, "succeeded": sum.succeeded, "calls": sum.attempts,
            "took_ms": sum.took_ms, "bytes": sum.bytes, "cost_micro": sum.cost_micro,
            "cost_unknown": sum.unknown, "tokens_in": sum.tokens_in, "tokens_out": sum.tokens_out,
            "media_ms": sum.media_ms,
        })
    };
    json!({
        "by": by.word(),
        "items": sums.iter().map(item).collect::<Vec<_>>(),
        "today_micro": usage.today_micro,
        "month_micro": usage.month_micro,
        "budget": usage.budget,
    })
}

/// Numbers of jobs and what they took.
fn numbers(row: &UsageRow) -> String {
    format!(
        "{},{},{:.1},{},{:.6},{}",
        row.calls,
        row.succeeded,
        row.took_ms as f64 / 1_000.0,
        row.bytes,
        row.cost_micro as f64 / 1e6,
        row.unknown
    )
}

/// Calls, tokens and length of what was made.
fn amounts(row: &UsageRow) -> String {
    let seconds = row.media_ms as f64 / 1_000.0;
    format!("{},{},{},{seconds:.1}", row.attempts, row.tokens_in, row.tokens_out)
}

const NUMBERS: &str = "jobs,succeeded,seconds,bytes,cost_usd,cost_unknown";
const AMOUNTS: &str = "calls,tokens_in,tokens_out,media_seconds";

fn print_csv(usage: &Usage, by: Option<&(By, Vec<(String, UsageRow)>)>) {
    if let Some((by, sums)) = by {
        println!("{},{NUMBERS},{AMOUNTS}", by.word());
        for (name, sum) in sums {
            println!("{},{},{}", csv_field(name), numbers(sum), amounts(sum));
        }
        return;
    }
    // Columns that came later stand last.
    println!("day,engine,kind,{NUMBERS},agent,{AMOUNTS}");
    for row in &usage.items {
        println!(
            "{},{},{},{},{},{}",
            date_of(row.day),
            csv_field(&row.engine),
            row.kind,
            numbers(row),
            csv_field(&row.agent),
            amounts(row)
        );
    }
}

/// What is told beside the cost, where there is something to tell.
fn beside(row: &UsageRow) -> String {
    let mut more = String::new();
    if row.tokens_in + row.tokens_out > 0 {
        let (tokens_in, tokens_out) = (short_count(row.tokens_in), short_count(row.tokens_out));
        more += &format!(", {tokens_in} tokens in, {tokens_out} out");
    }
    if row.media_ms > 0 {
        more += &format!(", {:.1} s of sound and film", row.media_ms as f64 / 1_000.0);
    }
    if row.unknown > 0 {
        more += &format!(", cost of {} not known", row.unknown);
    }
    more
}

fn print_rows(usage: &Usage) {
    for row in &usage.items {
        println!(
            "{}  {:14} {:14} {:6} {:>5} of {:<5} {:>10}{}",
            date_of(row.day),
            row.engine,
            shown(&row.agent),
            row.kind,
            row.succeeded,
            row.calls,
            dollars(row.cost_micro),
            beside(row)
        );
    }
}

fn print_sum(by: By, name: &str, sum: &UsageRow) {
    let name = if by == By::Agent { shown(name) } else { name };
    println!(
        "{name:24} {:>5} of {:<5} {:>10}{}",
        sum.succeeded,
        sum.calls,
        dollars(sum.cost_micro),
        beside(sum)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_they_are_typed() {
        assert_eq!(limit_of("2.50").unwrap(), Some(2_500_000));
        assert_eq!(limit_of("$0").unwrap(), Some(0));
        assert_eq!(limit_of("none").unwrap(), None);
        for bad in ["-1", "much", "", "nan", "1e300"] {
            assert!(limit_of(bad).is_err(), "{bad}");
        }
    }
}
