//! What pages of the operator are made of: figures, charts, tables, small forms.

use askama::Template;
use axum::response::Response;

use super::Operator;
use crate::auth::me::Role;
use crate::pages::shown;

/// Pages, by address and title.
const NAV: [(&str, &str); 10] = [
    ("/", "Overview"),
    ("/people", "People"),
    ("/plans", "Plans"),
    ("/payments", "Payments"),
    ("/jobs", "Jobs"),
    ("/storage", "Storage"),
    ("/moderation", "Moderation"),
    ("/analytics", "Analytics"),
    ("/audit", "Audit"),
    ("/health", "Health"),
];

/// A part of a page.
pub(super) enum Block {
    /// Label, value, and whether it is a fault.
    Figures(Vec<(String, String, bool)>),
    Chart(Chart),
    Table(Table),
    Act(Act),
    Words(String),
    /// One that may not be there.
    Picture {
        src: String,
        alt: String,
    },
}

/// A cell of a table.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) href: Option<String>,
}

/// A cell with words.
pub(super) fn cell(text: impl ToString) -> Cell {
    Cell { text: text.to_string(), href: None }
}

/// A cell that leads somewhere.
pub(super) fn link(text: impl ToString, href: String) -> Cell {
    Cell { text: text.to_string(), href: Some(href) }
}

pub(super) struct Table {
    pub(super) title: String,
    /// Where its search goes, and what is searched now.
    pub(super) find: Option<(String, String)>,
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// A small form.
pub(super) struct Act {
    pub(super) title: String,
    pub(super) action: String,
    pub(super) hidden: Vec<(&'static str, String)>,
    /// Name, label, type.
    pub(super) fields: Vec<(&'static str, &'static str, &'static str)>,
    pub(super) buttons: Vec<(&'static str, &'static str)>,
}

/// A bar.
pub(super) struct Bar {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) w: f64,
    pub(super) h: f64,
    pub(super) label: String,
}

/// Bars over days, drawn here.
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) csv: String,
    pub(super) grid: Vec<(f64, String)>,
    pub(super) bars: Vec<Bar>,
    pub(super) labels: Vec<(f64, String)>,
}

/// Bars of days and values, oldest first.
pub(super) fn chart(title: &str, csv: String, days: &[(String, i64)]) -> Chart {
    const LEFT: f64 = 56.0;
    const TOP: f64 = 14.0;
    const BOTTOM: f64 = 194.0;
    let most = days.iter().map(|d| d.1).max().unwrap_or(0).max(1) as f64;
    let step = (888.0 - LEFT) / days.len().max(1) as f64;
    let high = |v: f64| (BOTTOM - TOP) * v / most;
    let bars = days.iter().enumerate().map(|(i, (day, value))| {
        let h = high(*value as f64).max(if *value > 0 { 1.5 } else { 0.0 });
        let label = format!("{day}: {value}");
        Bar { x: LEFT + step * i as f64, y: BOTTOM - h, w: (step - 2.0).max(1.0), h, label }
    });
    let grid = [0.0, 0.5, 1.0].map(|part| {
        let value = most * part;
        (BOTTOM - high(value), format!("{value:.0}"))
    });
    let every = (days.len() / 6).max(1);
    let labels = days.iter().enumerate().step_by(every);
    Chart {
        title: title.to_owned(),
        csv,
        grid: grid.to_vec(),
        bars: bars.collect(),
        labels: labels
            .map(|(i, (day, _))| (LEFT + step * (i as f64 + 0.5), day[5..].to_owned()))
            .collect(),
    }
}

#[derive(Template)]
#[template(path = "admin.html")]
struct Page<'a> {
    lang: &'a str,
    title: &'a str,
    who: &'a str,
    nav: Vec<(&'static str, &'static str)>,
    said: &'a str,
    good: bool,
    blocks: Vec<Block>,
}

/// A page for an operator. Moderators see what is theirs alone.
pub(super) fn page(who: &Operator, title: &str, said: &str, blocks: Vec<Block>) -> Response {
    let for_all = ["Moderation"];
    let nav = NAV.into_iter().filter(|n| who.0.role == Role::Admin || for_all.contains(&n.1));
    shown(&Page {
        lang: "en",
        title,
        who: &who.0.handle,
        nav: nav.collect(),
        said,
        good: true,
        blocks,
    })
}
