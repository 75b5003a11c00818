//! `oto usage`: what was made, what it cost, and limits.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use oto_api_types::{Budget, Usage};
use oto_backend_client::Event;
use serde_json::json;

use super::print_json;
use crate::data::DataDir;
use crate::figures::{date_of, dollars, micro_of};
use crate::home::LocalHome;

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
    if args.json {
        print_json(&json!(usage));
    } else if args.csv {
        println!("day,engine,kind,jobs,succeeded,seconds,bytes,cost_usd,cost_unknown");
        for row in &usage.items {
            println!(
                "{},{},{},{},{},{:.1},{},{:.6},{}",
                date_of(row.day),
                row.engine,
                row.kind,
                row.calls,
                row.succeeded,
                row.took_ms as f64 / 1_000.0,
                row.bytes,
                row.cost_micro as f64 / 1e6,
                row.unknown
            );
        }
    } else {
        for row in &usage.items {
            let unknown = match row.unknown {
                0 => String::new(),
                n => format!(", cost of {n} not known"),
            };
            println!(
                "{}  {:14} {:6} {:>5} of {:<5} {:>10}{unknown}",
                date_of(row.day),
                row.engine,
                row.kind,
                row.succeeded,
                row.calls,
                dollars(row.cost_micro)
            );
        }
        let of =
            |limit: Option<i64>| limit.map_or(String::new(), |l| format!(" of {}", dollars(l)));
        println!("today {}{}", dollars(usage.today_micro), of(usage.budget.day_micro));
        println!("30 days {}{}", dollars(usage.month_micro), of(usage.budget.month_micro));
    }
    Ok(ExitCode::SUCCESS)
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
