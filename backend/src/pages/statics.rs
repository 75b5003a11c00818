//! Files that pages load: styles, fonts, paper. They are part of the program.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::error::Refusal;

macro_rules! font {
    ($name:literal) => {
        include_bytes!(concat!("../../../assets/fonts/", $name))
    };
}

/// Name, media type and bytes.
const FILES: &[(&str, &str, &[u8])] = &[
    ("site.css", "text/css; charset=utf-8", include_bytes!("../../templates/static/site.css")),
    ("admin.css", "text/css; charset=utf-8", include_bytes!("../../templates/static/admin.css")),
    ("htmx.js", "text/javascript; charset=utf-8", include_bytes!("../../templates/static/htmx.js")),
    (
        "charts.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../templates/static/charts.js"),
    ),
    ("paper.svg", "image/svg+xml", include_bytes!("../../templates/static/paper.svg")),
    ("icon.svg", "image/svg+xml", include_bytes!("../../templates/static/icon.svg")),
    ("inter.otf", "font/otf", font!("Inter-Regular.otf")),
    ("inter-semibold.otf", "font/otf", font!("Inter-SemiBold.otf")),
    ("marker.ttf", "font/ttf", font!("PermanentMarker-Regular.ttf")),
    ("brush.ttf", "font/ttf", font!("CaveatBrush-Regular.ttf")),
];

pub(crate) async fn file(Path(name): Path<String>) -> Result<Response, Refusal> {
    let found = FILES.iter().find(|(n, ..)| *n == name);
    let (_, kind, bytes) = found.ok_or_else(|| Refusal::not_found("file"))?;
    let head = [(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "public, max-age=86400")];
    Ok((head, *bytes).into_response())
}
