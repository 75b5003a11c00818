//! Pages anyone can open: a work by its link, a person, and what search engines ask for.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use oto_media::picture::fitted_size;
use oto_media::waveform;
use serde::Deserialize;
use serde_json::json;

use super::{NoteView, day, not_there, shown, sign_in};
use crate::accounts;
use crate::assets::POSTER;
use crate::db::all;
use crate::error::Refusal;
use crate::routes::body::{Json, Query};
use crate::routes::shared;
use crate::state::AppState;
use crate::works::list::{self, Sort};
use crate::works::{self, WorkRow, comments};

/// How long a page may be kept: what was taken down is gone within a minute.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=30");

#[derive(Template)]
#[template(path = "work.html")]
struct WorkPage<'a> {
    lang: &'a str,
    id: &'a str,
    title: &'a str,
    about: String,
    indexed: bool,
    page: String,
    oembed: String,
    poster: Option<String>,
    kind: &'a str,
    content_type: &'a str,
    width: i64,
    height: i64,
    text: &'a str,
    author: &'a str,
    handle: &'a str,
    date: String,
    licence: &'a str,
    reuse: bool,
    likes: i64,
    recipe: Option<oto_api_types::Recipe>,
    sources: Vec<(String, Option<String>)>,
    comments: Vec<(String, String, String)>,
}

async fn linked(state: &AppState, slug: &str) -> Result<Option<WorkRow>, Refusal> {
    let is_slug = slug.len() == 32 && slug.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_slug {
        return Ok(None);
    }
    Ok(works::find_by_slug(&state.db, slug).await?.filter(WorkRow::is_linked))
}

pub(crate) async fn work(
    State(state): State<AppState>,
    Path(slug): Path<String>,
) -> Result<Response, Refusal> {
    let server = state.server()?;
    let Some(row) = linked(&state, &slug).await? else { return Ok(not_there()) };
    let page = server.url(&format!("/s/{slug}"));
    let recipe = row.shows_recipe.then(|| row.recipe());
    let told = if row.shows_sources { row.told_sources() } else { Vec::new() };
    let seen = works::seen_sources(&state.db, told, None).await?.into_iter();
    let sources = seen
        .map(|(source, found)| {
            let slug = found.and_then(|f| f.slug);
            (source.title, slug.map(|slug| format!("/s/{slug}")))
        })
        .collect();
    let (said, _) = comments::of(&state.db, &row.id, None, 50).await?;
    let comments = said.into_iter().filter(|c| !c.deleted);
    let comments = comments.map(|c| (c.author.name, day(c.created_at_ms), c.text)).collect();
    let first: String = row.text.chars().take(160).collect();
    let about = match (&recipe, first.is_empty()) {
        (_, false) => first,
        (Some(recipe), true) if !recipe.prompt.is_empty() => {
            recipe.prompt.chars().take(160).collect()
        }
        _ => format!("{}, by {}, on oTo", row.title, row.author.name),
    };
    let view = WorkPage {
        lang: "en",
        id: &row.id,
        title: &row.title,
        about,
        indexed: row.is_on_wall,
        oembed: server.url(&format!("/oembed?url={page}")),
        poster: row.poster.as_ref().map(|_| format!("{page}/poster")),
        page,
        kind: &row.kind,
        content_type: &row.content_type,
        width: row.size_px[0],
        height: row.size_px[1],
        text: &row.text,
        author: &row.author.name,
        handle: &row.author.handle,
        date: day(row.published_at_ms.unwrap_or(row.created_at_ms)),
        licence: &row.licence,
        reuse: row.may_reuse,
        likes: row.likes,
        recipe,
        sources,
        comments,
    };
    Ok(([(header::CACHE_CONTROL, CACHE)], shown(&view)).into_response())
}

pub(crate) async fn media(
    State(state): State<AppState>,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let row = linked(&state, &slug).await?.ok_or_else(|| Refusal::not_found("medium"))?;
    let hash = row.asset.ok_or_else(|| Refusal::not_found("medium"))?;
    shared::send(&state, &hash, &row.content_type, &headers, shared::OPEN).await
}

pub(crate) async fn poster(
    State(state): State<AppState>,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let row = linked(&state, &slug).await?.ok_or_else(|| Refusal::not_found("picture"))?;
    let hash = row.poster.ok_or_else(|| Refusal::not_found("picture"))?;
    shared::send(&state, &hash, "image/jpeg", &headers, shared::OPEN).await
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage<'a> {
    lang: &'a str,
    url: &'a str,
    name: &'a str,
    handle: &'a str,
    bio: &'a str,
    works_n: i64,
    followers: i64,
    works: Vec<NoteView>,
}

pub(crate) async fn person(
    State(state): State<AppState>,
    Path(handle): Path<String>,
) -> Result<Response, Refusal> {
    let server = state.server()?;
    let Some(person) = accounts::find_person(&state.db, &handle, "").await? else {
        return Ok(not_there());
    };
    let query =
        list::Query { author: Some(person.id.clone()), limit: 60, ..list::Query::default() };
    let (rows, _) = list::list(&state.db, &query, Sort::New).await?;
    let view = PersonPage {
        lang: "en",
        url: &server.config.public_url,
        name: &person.name,
        handle: &person.handle,
        bio: &person.bio,
        works_n: person.works,
        followers: person.followers,
        works: rows.iter().filter_map(NoteView::of).collect(),
    };
    Ok(([(header::CACHE_CONTROL, CACHE)], shown(&view)).into_response())
}

#[derive(Debug, Deserialize)]
pub(crate) struct Embedded {
    url: String,
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    maxwidth: Option<u32>,
    #[serde(default)]
    maxheight: Option<u32>,
}

/// What other sites show for a link (oembed.com).
pub(crate) async fn oembed(
    State(state): State<AppState>,
    Query(asked): Query<Embedded>,
) -> Result<Response, Refusal> {
    let server = state.server()?;
    if asked.format.is_some_and(|f| f != "json") {
        return Err(Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "format",
            "This is told as JSON only.",
        ));
    }
    let slug = asked.url.strip_prefix(&server.url("/s/")).unwrap_or_default().to_owned();
    let row = linked(&state, &slug).await?.ok_or_else(|| Refusal::not_found("work"))?;
    let page = server.url(&format!("/s/{slug}"));
    let mut told = json!({
        "version": "1.0",
        "title": row.title,
        "author_name": row.author.name,
        "author_url": server.url(&format!("/u/{}", row.author.handle)),
        "provider_name": "oTo",
        "provider_url": server.config.public_url,
        "cache_age": 60,
    });
    let fits = |[w, h]: [u32; 2]| {
        w <= asked.maxwidth.unwrap_or(u32::MAX) && h <= asked.maxheight.unwrap_or(u32::MAX)
    };
    // Sounds are drawn in one size.
    let drawn = if row.kind == "voice" {
        waveform::DRAWN
    } else {
        row.size_px.map(|n| u32::try_from(n).unwrap_or(0))
    };
    let small = fitted_size(drawn, POSTER);
    let photo = [(drawn, "media"), (small, "poster")];
    match photo.into_iter().find(|(size, _)| row.kind == "image" && fits(*size)) {
        Some(([w, h], name)) => {
            told["type"] = "photo".into();
            told["url"] = format!("{page}/{name}").into();
            told["width"] = w.into();
            told["height"] = h.into();
        }
        None => told["type"] = "link".into(),
    }
    if row.poster.is_some() && fits(small) {
        told["thumbnail_url"] = format!("{page}/poster").into();
        told["thumbnail_width"] = small[0].into();
        told["thumbnail_height"] = small[1].into();
    }
    Ok(([(header::CACHE_CONTROL, CACHE)], Json(told)).into_response())
}

pub(crate) async fn robots(State(state): State<AppState>) -> Result<Response, Refusal> {
    let server = state.server()?;
    let text = format!(
        "User-agent: *\nDisallow: /api/\nDisallow: /admin\nDisallow: /device\nAllow: /\nSitemap: {}\n",
        server.url("/sitemap.xml")
    );
    Ok(text.into_response())
}

/// The newest works; older ones are found from the pages of people.
pub(crate) async fn sitemap(State(state): State<AppState>) -> Result<Response, Refusal> {
    let server = state.server()?;
    let sql = "SELECT slug, published_at_ms FROM work WHERE on_wall = 1 AND slug IS NOT NULL ORDER BY published_at_ms DESC, id DESC LIMIT 5000";
    let rows = all(&state.db, sql, vec![]).await?;
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    for page in ["/", "/fr"] {
        text.push_str(&format!("<url><loc>{}</loc></url>\n", server.url(page)));
    }
    for row in rows {
        let slug: String = row.try_get("", "slug")?;
        let at = day(row.try_get::<Option<i64>>("", "published_at_ms")?.unwrap_or(0));
        let page = server.url(&format!("/s/{slug}"));
        text.push_str(&format!("<url><loc>{page}</loc><lastmod>{at}</lastmod></url>\n"));
    }
    text.push_str("</urlset>\n");
    Ok(([(header::CONTENT_TYPE, "application/xml")], text).into_response())
}

/// What the code of a problem means.
pub(crate) async fn problem(Path(code): Path<String>) -> Response {
    let code: String =
        code.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).take(60).collect();
    let words = match code.as_str() {
        "validation" => "What was sent does not fit: the sentence in “detail” says what and why.",
        "unauthorized" => "Sign in, or send a key that is still good.",
        "forbidden" => "Whoever asks is known and may not do this.",
        "not_found" => "It is not there, or it is not for whoever asks.",
        "insufficient_tokens" => "The job may cost more tokens than are free.",
        "idempotency_key_missing" => {
            "Send an Idempotency-Key header with a UUID; the same key never does the same thing twice."
        }
        "idempotency_key_reuse" => "This key was used for something else. Take a new one.",
        "version_conflict" => "It was changed since it was read. Read it again, then change it.",
        "rate_limited" | "quota-exceeded" => {
            "That was asked too often. Wait as long as Retry-After says."
        }
        "account_frozen" => {
            "The account can read and change nothing. Its decisions say why, and how to object."
        }
        "hash_mismatch" => "The bytes are not those that were announced. Send them again.",
        "temporary-reduced-capacity" => "The server is busy. Wait as long as Retry-After says.",
        _ => "The sentence in “detail” says what happened and what to do next.",
    };
    let heading = code.replace(['_', '-'], " ");
    sign_in::Form::of_words(&heading, words, &[]).shown()
}
