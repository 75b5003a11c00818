//! `GET /home`: which home this is.

use axum::Json;
use oto_api_types::HomeInfo;

pub(crate) async fn show() -> Json<HomeInfo> {
    Json(HomeInfo {
        kind: "embedded".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        features: ["jobs", "engines", "discover", "assets", "usage"].map(str::to_owned).to_vec(),
    })
}
