//! Published works in the database: what a caller may see of them.

pub(crate) mod change;
pub(crate) mod comments;
pub(crate) mod lineage;
pub(crate) mod list;
pub(crate) mod publish;
pub(crate) mod said;

use oto_api_types::{Author, JobKind, Recipe, Visibility, Work, WorkSource};
use sea_orm::{ConnectionTrait, DbErr, QueryResult};

use crate::auth::Me;
use crate::db::one;

/// A work's row with its author.
#[derive(Debug, Clone)]
pub(crate) struct WorkRow {
    pub(crate) id: String,
    pub(crate) author: Author,
    pub(crate) author_state: String,
    pub(crate) fingerprint: String,
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) tags: String,
    pub(crate) visibility: String,
    pub(crate) state: String,
    pub(crate) state_reason: String,
    pub(crate) asset: Option<String>,
    pub(crate) content_type: String,
    pub(crate) size: i64,
    pub(crate) size_px: [i64; 2],
    pub(crate) duration_ms: i64,
    pub(crate) poster: Option<String>,
    pub(crate) licence: String,
    pub(crate) may_reuse: bool,
    pub(crate) may_comment: bool,
    pub(crate) shows_recipe: bool,
    pub(crate) shows_sources: bool,
    recipe: String,
    sources: String,
    pub(crate) slug: Option<String>,
    pub(crate) is_on_wall: bool,
    pub(crate) plot: Option<i64>,
    pub(crate) at: Option<[f64; 2]>,
    pub(crate) likes: i64,
    pub(crate) votes_up: i64,
    pub(crate) votes_down: i64,
    pub(crate) comments: i64,
    pub(crate) reuses: i64,
    pub(crate) hot: f64,
    pub(crate) top: f64,
    pub(crate) created_at_ms: i64,
    pub(crate) published_at_ms: Option<i64>,
    pub(crate) version: i64,
}

/// For `FROM work w JOIN account a ON a.id = w.author`.
pub(crate) const COLUMNS: &str = "w.id, w.author, w.fingerprint, w.kind, w.title, w.text, w.tags, w.visibility, w.state, w.state_reason, w.asset, w.content_type, w.size, w.width, w.height, w.duration_ms, w.poster, w.licence, w.may_reuse, w.may_comment, w.shows_recipe, w.shows_sources, w.recipe, w.sources, w.slug, w.on_wall, w.plot, w.x, w.y, w.likes, w.votes_up, w.votes_down, w.comments, w.reuses, w.hot, w.top, w.created_at_ms, w.published_at_ms, w.version, a.handle AS author_handle, a.name AS author_name, a.state AS author_state";

pub(crate) fn kind_word(kind: JobKind) -> Option<&'static str> {
    crate::convert::kind_of(kind).map(crate::convert::word_of)
}

pub(crate) fn kind_of_word(word: &str) -> JobKind {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).unwrap_or(JobKind::Unknown)
}

pub(crate) fn visibility_word(visibility: Visibility) -> Option<&'static str> {
    match visibility {
        Visibility::Private => Some("private"),
        Visibility::Link => Some("link"),
        Visibility::Public => Some("public"),
        Visibility::Unknown => None,
    }
}

impl WorkRow {
    pub(crate) fn read(row: &QueryResult) -> Result<Self, DbErr> {
        let yes = |name: &str| row.try_get::<i64>("", name).map(|n| n != 0);
        let [x, y]: [Option<f64>; 2] = [row.try_get("", "x")?, row.try_get("", "y")?];
        Ok(Self {
            id: row.try_get("", "id")?,
            author: Author {
                id: row.try_get("", "author")?,
                handle: row.try_get("", "author_handle")?,
                name: row.try_get("", "author_name")?,
            },
            author_state: row.try_get("", "author_state")?,
            fingerprint: row.try_get("", "fingerprint")?,
            kind: row.try_get("", "kind")?,
            title: row.try_get("", "title")?,
            text: row.try_get("", "text")?,
            tags: row.try_get("", "tags")?,
            visibility: row.try_get("", "visibility")?,
            state: row.try_get("", "state")?,
            state_reason: row.try_get("", "state_reason")?,
            asset: row.try_get("", "asset")?,
            content_type: row.try_get("", "content_type")?,
            size: row.try_get("", "size")?,
            size_px: [row.try_get("", "width")?, row.try_get("", "height")?],
            duration_ms: row.try_get("", "duration_ms")?,
            poster: row.try_get("", "poster")?,
            licence: row.try_get("", "licence")?,
            may_reuse: yes("may_reuse")?,
            may_comment: yes("may_comment")?,
            shows_recipe: yes("shows_recipe")?,
            shows_sources: yes("shows_sources")?,
            recipe: row.try_get("", "recipe")?,
            sources: row.try_get("", "sources")?,
            slug: row.try_get("", "slug")?,
            is_on_wall: yes("on_wall")?,
            plot: row.try_get("", "plot")?,
            at: x.zip(y).map(|(x, y)| [x, y]),
            likes: row.try_get("", "likes")?,
            votes_up: row.try_get("", "votes_up")?,
            votes_down: row.try_get("", "votes_down")?,
            comments: row.try_get("", "comments")?,
            reuses: row.try_get("", "reuses")?,
            hot: row.try_get("", "hot")?,
            top: row.try_get("", "top")?,
            created_at_ms: row.try_get("", "created_at_ms")?,
            published_at_ms: row.try_get("", "published_at_ms")?,
            version: row.try_get("", "version")?,
        })
    }

    /// Whether a caller may see it. A link is no right to it by its id: whoever has the link has the
    /// address in it.
    pub(crate) fn is_seen_by(&self, me: Option<&Me>) -> bool {
        if self.state == "deleted" {
            return false;
        }
        self.is_own(me) || self.is_on_wall
    }

    /// Whether it is shown as to its author. A key that was not given this right sees what everybody sees.
    pub(crate) fn is_own(&self, me: Option<&Me>) -> bool {
        me.is_some_and(|m| m.account == self.author.id && m.may("works:read").is_ok())
    }

    /// Whether whoever has the link may see it.
    pub(crate) fn is_linked(&self) -> bool {
        self.state == "shown"
            && matches!(self.visibility.as_str(), "public" | "link")
            && !matches!(self.author_state.as_str(), "suspended" | "gone")
    }

    /// How it was made, as it was told.
    pub(crate) fn recipe(&self) -> Recipe {
        serde_json::from_str(&self.recipe).unwrap_or_default()
    }

    /// What it was made from, as it was told.
    pub(crate) fn told_sources(&self) -> Vec<WorkSource> {
        serde_json::from_str(&self.sources).unwrap_or_default()
    }

    /// The work for its author or for others, without what a caller said of it.
    pub(crate) fn shown(&self, is_own: bool, public_url: &str) -> Work {
        let (recipe, sources) = (self.recipe(), self.told_sources());
        Work {
            id: self.id.clone(),
            kind: kind_of_word(&self.kind),
            title: self.title.clone(),
            text: self.text.clone(),
            author: self.author.clone(),
            visibility: serde_json::from_value(self.visibility.clone().into())
                .unwrap_or(Visibility::Unknown),
            state: self.state.clone(),
            state_reason: if is_own { self.state_reason.clone() } else { String::new() },
            asset: self.asset.clone(),
            content_type: self.content_type.clone(),
            size: self.size,
            size_px: self.size_px.map(|n| u32::try_from(n).unwrap_or(0)),
            duration_ms: self.duration_ms,
            poster: self.poster.clone(),
            licence: self.licence.clone(),
            may_reuse: self.may_reuse,
            may_comment: self.may_comment,
            shows_recipe: self.shows_recipe,
            shows_sources: self.shows_sources,
            recipe: (is_own || self.shows_recipe).then_some(recipe),
            sources: if is_own || self.shows_sources { sources } else { Vec::new() },
            reuses: self.reuses,
            at: self.at.filter(|_| self.is_on_wall),
            likes: self.likes,
            votes: self.votes_up - self.votes_down,
            comments: self.comments,
            is_liked: false,
            own_vote: 0,
            link: self
                .slug
                .as_ref()
                .filter(|_| is_own || self.visibility == "public")
                .map(|slug| format!("{public_url}/s/{slug}")),
            tags: self.tags.split_whitespace().map(str::to_owned).collect(),
            created_at_ms: self.created_at_ms,
            published_at_ms: self.published_at_ms,
            version: self.version,
        }
    }
}

pub(crate) async fn find(db: &impl ConnectionTrait, id: &str) -> Result<Option<WorkRow>, DbErr> {
    let sql =
        format!("SELECT {COLUMNS} FROM work w JOIN account a ON a.id = w.author WHERE w.id = $1");
    one(db, &sql, vec![id.into()]).await?.as_ref().map(WorkRow::read).transpose()
}

/// The name of a source that is not shown to whoever looks.
pub(crate) const PRIVATE: &str = "a private work";

/// Sources as a caller sees them, with the works they are: one that is hidden keeps its place without
/// its name.
pub(crate) async fn seen_sources(
    db: &impl ConnectionTrait,
    told: Vec<WorkSource>,
    me: Option<&Me>,
) -> Result<Vec<(WorkSource, Option<WorkRow>)>, DbErr> {
    let mut seen = Vec::with_capacity(told.len());
    for mut source in told {
        let mut found = None;
        if let Some(id) = &source.work {
            found = find(db, id).await?.filter(|f| f.is_seen_by(me));
            if found.is_none() {
                source = WorkSource { work: None, title: PRIVATE.to_owned(), ..source };
            }
        }
        seen.push((source, found));
    }
    Ok(seen)
}

pub(crate) async fn find_by_slug(
    db: &impl ConnectionTrait,
    slug: &str,
) -> Result<Option<WorkRow>, DbErr> {
    let sql =
        format!("SELECT {COLUMNS} FROM work w JOIN account a ON a.id = w.author WHERE w.slug = $1");
    one(db, &sql, vec![slug.into()]).await?.as_ref().map(WorkRow::read).transpose()
}
