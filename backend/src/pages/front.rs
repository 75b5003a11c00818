//! The front page: what oTo is, and what hangs on the wall now. In two languages, without scripts.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::{NoteView, shown};
use crate::error::Refusal;
use crate::state::AppState;
use crate::wall::tiles;
use crate::works::list::{self, Query, Sort};

/// Works that are shown.
const MOST: i64 = 18;

struct Words {
    tag: &'static str,
    about: &'static str,
    download: &'static str,
    join: &'static str,
    free: &'static str,
    works: &'static str,
    sign_in: &'static str,
    agent: &'static str,
    note: &'static str,
    note2: &'static str,
    note3: &'static str,
    points: [(&'static str, &'static str); 4],
    on_the_wall: &'static str,
    empty: &'static str,
    counts: String,
}

fn english_words(works: i64, people: i64) -> Words {
    Words {
        tag: "An endless sheet of paper where ideas become films",
        about: "Pin post-its on your desktop. The golden ones are agents that make texts, pictures, voices and films; every work hangs beside its agent, joined by a coloured string to what it came from.",
        download: "Get oTo",
        join: "Take a place on the wall",
        free: "Free software. Works without an account, a key or a network.",
        works: "On the wall",
        sign_in: "Sign in",
        agent: "Write a story about the last tram home",
        note: "The tram was empty but for the rain.",
        note2: "Voice: calm, at night",
        note3: "Film, one minute, watercolour",
        points: [
            (
                "Touch how it was made",
                "Every string is a recipe: agent, prompt, engine, seed. Follow it back to the first thought, and make it again.",
            ),
            (
                "Yours, on your machine",
                "Boards are files on your disk. Keys stay in the keyring of your system. Films are rendered by your computer.",
            ),
            (
                "One wall for everyone",
                "Publish a work and it hangs near your home. Walk over, like it, comment on it, and make something of it, with credit.",
            ),
            ("A million notes", "Zoom from a word to a whole life of work without waiting."),
        ],
        on_the_wall: "Hanging on the wall now",
        empty: "The wall is still empty. The first work could be yours.",
        counts: format!("{works} works by {people} people."),
    }
}

fn french_words(works: i64, people: i64) -> Words {
    Words {
        tag: "Une feuille sans fin où les idées deviennent des films",
        about: "Épinglez des post-its sur votre bureau. Les dorés sont des agents qui font des textes, des images, des voix et des films ; chaque œuvre pend près de son agent, reliée par une ficelle de couleur à ce dont elle vient.",
        download: "Obtenir oTo",
        join: "Prendre une place sur le mur",
        free: "Logiciel libre. Fonctionne sans compte, sans clé et sans réseau.",
        works: "Sur le mur",
        sign_in: "Se connecter",
        agent: "Écris une histoire sur le dernier tram",
        note: "Le tram était vide, sauf la pluie.",
        note2: "Voix : calme, la nuit",
        note3: "Film, une minute, aquarelle",
        points: [
            (
                "Touchez la fabrication",
                "Chaque ficelle est une recette : agent, consigne, moteur, graine. Suivez-la jusqu'à la première pensée, et recommencez.",
            ),
            (
                "À vous, sur votre machine",
                "Les tableaux sont des fichiers sur votre disque. Les clés restent dans le trousseau du système. Les films sont rendus par votre ordinateur.",
            ),
            (
                "Un mur pour tous",
                "Publiez une œuvre et elle pend près de chez vous. Promenez-vous, aimez, commentez, et faites-en autre chose, avec mention.",
            ),
            ("Un million de notes", "Du mot à l'œuvre d'une vie, sans attendre."),
        ],
        on_the_wall: "Accroché en ce moment",
        empty: "Le mur est encore vide. La première œuvre pourrait être la vôtre.",
        counts: format!("{works} œuvres de {people} personnes."),
    }
}

#[derive(Template)]
#[template(path = "front.html")]
struct Front<'a> {
    lang: &'a str,
    url: &'a str,
    download: Option<&'a str>,
    t: Words,
    works: Vec<NoteView>,
}

async fn front(state: &AppState, lang: &str) -> Result<Response, Refusal> {
    let server = state.server()?;
    let query = Query { limit: MOST, ..Query::default() };
    let (rows, _) = list::list(&state.db, &query, Sort::Hot).await?;
    let extent = tiles::extent(&state.db).await?;
    let words = if lang == "fr" { french_words } else { english_words };
    let page = Front {
        lang,
        url: &server.config.public_url,
        download: server.config.download_url.as_deref(),
        t: words(extent.works, extent.plots),
        works: rows.iter().filter_map(NoteView::of).collect(),
    };
    let cache = HeaderValue::from_static("public, max-age=60");
    Ok(([(header::CACHE_CONTROL, cache)], shown(&page)).into_response())
}

pub(crate) async fn english(State(state): State<AppState>) -> Result<Response, Refusal> {
    front(&state, "en").await
}

pub(crate) async fn french(State(state): State<AppState>) -> Result<Response, Refusal> {
    front(&state, "fr").await
}
