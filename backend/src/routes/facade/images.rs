//! Pictures: new ones, and ones made from others.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oto_api_types::{JobInput, JobKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, Fault, Once, bytes, made};
use crate::assets;
use crate::auth::Me;
use crate::blobs::Blobs;
use crate::db::now_ms;
use crate::error::Refusal;
use crate::routes::body::Json;
use crate::state::AppState;

/// Most pictures of one call.
const MOST_PICTURES: u32 = 4;
/// Most pictures to work from.
const MOST_SOURCES: usize = 16;
/// Largest form with pictures in it.
pub(super) const MAX_EDIT: usize = 64 << 20;

#[derive(Deserialize)]
pub(super) struct Images {
    model: String,
    prompt: String,
    #[serde(default)]
    n: Option<u32>,
    #[serde(default)]
    size: Option<String>,
    #[serde(default)]
    stream: Option<bool>,
}

/// What is no size: two numbers of pixels that make a picture.
pub(super) fn checked_size(size: Option<&str>) -> Result<(), Refusal> {
    let fits = |size: &str| {
        let (w, h) = size.split_once('x')?;
        let (w, h): (u32, u32) = (w.parse().ok()?, h.parse().ok()?);
        let is_side = |n: u32| (16..=4_096).contains(&n);
        (is_side(w) && is_side(h) && w <= h * 4 && h <= w * 4).then_some(())
    };
    match size {
        None | Some("auto") => Ok(()),
        Some(size) => fits(size).ok_or_else(|| {
            Refusal::validation("A size is such as 1024x1024, with sides of 16 to 4096, or auto.")
        }),
    }
}

/// The shape of a size such as `1536x1024`, as engines here are asked for it.
pub(super) fn aspect_of(size: Option<&str>) -> Option<(&'static str, String)> {
    let (w, h) = size?.split_once('x')?;
    let (w, h): (u32, u32) = (w.parse().ok()?, h.parse().ok()?);
    let aspect = match w.cmp(&h) {
        std::cmp::Ordering::Greater => "16:9",
        std::cmp::Ordering::Less => "9:16",
        std::cmp::Ordering::Equal => "1:1",
    };
    Some(("aspect", aspect.to_owned()))
}

async fn answer(
    state: &AppState,
    me: &Me,
    asked: Images,
    inputs: Vec<JobInput>,
    once: &Once,
) -> Result<Json<Value>, Fault> {
    let n = asked.n.unwrap_or(1);
    if !(1..=MOST_PICTURES).contains(&n) {
        return Err(Refusal::validation("One to four pictures are made at once.").into());
    }
    checked_size(asked.size.as_deref())?;
    if asked.stream == Some(true) {
        return Err(Refusal::validation("Pictures come in one piece; leave “stream” out.").into());
    }
    let aspect = aspect_of(asked.size.as_deref());
    let mut data = Vec::new();
    for i in 0..n {
        let one = Asked {
            kind: JobKind::Image,
            model: asked.model.clone(),
            prompt: asked.prompt.clone(),
            params: aspect.clone().into_iter().collect(),
            inputs: inputs.clone(),
            once: once.part(i),
        };
        let one = match made(state, me, one).await {
            Ok((job, _)) => bytes(state, &job).await,
            Err(fault) => Err(fault),
        };
        match one {
            Ok((bytes, _)) => data.push(json!({"b64_json": STANDARD.encode(bytes)})),
            Err(fault) if data.is_empty() => return Err(fault),
            // What is made and paid is given, though it is fewer than were asked for.
            Err(_) => break,
        }
    }
    Ok(Json(json!({"created": now_ms() / 1000, "data": data})))
}

pub(super) async fn generate(
    State(state): State<AppState>,
    me: Me,
    once: Once,
    Json(asked): Json<Images>,
) -> Result<Json<Value>, Fault> {
    answer(&state, &me, asked, Vec::new(), &once).await
}

/// A form, or JSON with pictures as data addresses: its fields, and the pictures in it.
#[derive(Default)]
pub(super) struct Form {
    pub(super) fields: BTreeMap<String, String>,
    pub(super) pictures: Vec<Vec<u8>>,
}

impl Form {
    pub(super) async fn of(request: Request) -> Result<Self, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        if kind.is_some_and(|kind| kind.starts_with("multipart/form-data")) {
            Self::of_parts(request).await
        } else {
            let Json(body) = Json::<Value>::from_request(request, &()).await?;
            Self::of_json(&body)
        }
    }

    async fn of_parts(request: Request) -> Result<Self, Refusal> {
        let cut = |_| Refusal::validation("This form cannot be read; send it again.");
        let mut parts = Multipart::from_request(request, &())
            .await
            .ok()
            .ok_or_else(|| Refusal::validation("This form has no boundary."))?;
        let mut form = Self::default();
        while let Some(part) = parts.next_field().await.map_err(cut)? {
            let name = part.name().unwrap_or_default().trim_end_matches("[]").to_owned();
            if matches!(name.as_str(), "image" | "input_reference") {
                let bytes = part.bytes().await.map_err(cut)?;
                form.add(bytes.to_vec())?;
            } else if name == "mask" {
                return Err(Refusal::validation(
                    "Masks are not taken here; say in words what changes.",
                ));
            } else {
                form.fields.insert(name, part.text().await.map_err(cut)?);
            }
        }
        Ok(form)
    }

    fn of_json(body: &Value) -> Result<Self, Refusal> {
        let mut form = Self::default();
        for (name, value) in body.as_object().into_iter().flatten() {
            match value {
                Value::String(text) => form.fields.insert(name.clone(), text.clone()),
                Value::Number(n) => form.fields.insert(name.clone(), n.to_string()),
                _ => None,
            };
        }
        for image in body["images"].as_array().into_iter().flatten() {
            form.add_data(&image["image_url"])?;
        }
        Ok(form)
    }

    /// A picture as a `data:` address. Addresses of others are not called: nobody knows where they lead.
    pub(super) fn add_data(&mut self, url: &Value) -> Result<(), Refusal> {
        let data =
            url.as_str().and_then(|url| url.strip_prefix("data:image/")?.split_once(";base64,"));
        let bytes = data.and_then(|(_, text)| STANDARD.decode(text).ok());
        self.add(bytes.ok_or_else(|| {
            Refusal::validation("A picture is sent as a file, or as data:image/…;base64,…")
        })?)
    }

    fn add(&mut self, bytes: Vec<u8>) -> Result<(), Refusal> {
        if self.pictures.len() >= MOST_SOURCES {
            return Err(Refusal::validation("Up to sixteen pictures are taken."));
        }
        self.pictures.push(bytes);
        Ok(())
    }

    /// A field that has to be there.
    pub(super) fn field(&self, name: &str) -> Result<String, Refusal> {
        let found = self.fields.get(name).filter(|text| !text.is_empty()).cloned();
        found.ok_or_else(|| Refusal::validation(format!("The field “{name}” is missing.")))
    }

    /// The pictures as what a job works from: kept as uploads are, looked at first.
    pub(super) async fn inputs(&self, state: &AppState, me: &Me) -> Result<Vec<JobInput>, Refusal> {
        let mut inputs = Vec::new();
        for (i, bytes) in self.pictures.iter().enumerate() {
            me.may("assets:write")?;
            let (own, size) = (bytes.clone(), bytes.len() as i64);
            let put = move |blobs: &Blobs| blobs.put(&own);
            let taken = assets::take_new(state, &me.account, size, put).await?;
            if !taken.content_type.starts_with("image/") {
                return Err(Refusal::validation("What was sent is no picture."));
            }
            inputs.push(JobInput {
                role: "image".to_owned(),
                title: format!("picture {}", i + 1),
                hash: Some(taken.hash),
                text: None,
                captions: None,
                label: String::new(),
            });
        }
        Ok(inputs)
    }
}

pub(super) async fn edit(
    State(state): State<AppState>,
    me: Me,
    once: Once,
    request: Request,
) -> Result<Json<Value>, Fault> {
    let form = Form::of(request).await?;
    if form.pictures.is_empty() {
        return Err(
            Refusal::validation("Send the picture that is to be changed as “image”.").into()
        );
    }
    let asked = Images {
        model: form.field("model")?,
        prompt: form.field("prompt")?,
        n: form.fields.get("n").and_then(|n| n.parse().ok()),
        size: form.fields.get("size").cloned(),
        stream: form.fields.get("stream").map(|word| word == "true"),
    };
    let inputs = form.inputs(&state, &me).await?;
    answer(&state, &me, asked, inputs, &once).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shapes_and_pictures_come_as_data_alone() {
        let of = |size| aspect_of(Some(size)).map(|(_, aspect)| aspect);
        assert_eq!(of("1536x1024").as_deref(), Some("16:9"));
        for (size, fits) in [
            ("1024x1024", true),
            ("auto", true),
            ("99999x1", false),
            ("abc", false),
            ("64x512", false),
        ] {
            assert_eq!(checked_size(Some(size)).is_ok(), fits, "{size}");
        }
        assert_eq!((of("auto"), of("1x"), aspect_of(None)), (None, None, None));
        let form = json!({"prompt": "a tram", "n": 2, "images": [{"image_url": "data:image/png;base64,AAAA"}]});
        let form = Form::of_json(&form).unwrap();
        assert_eq!((form.pictures.len(), form.fields["n"].as_str()), (1, "2"));
        assert!(form.field("model").is_err());
        let elsewhere = json!({"images": [{"image_url": "https://169.254.169.254/"}]});
        assert!(Form::of_json(&elsewhere).is_err());
    }
}
