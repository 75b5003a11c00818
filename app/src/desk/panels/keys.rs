//! Keys of engines in the engines dialog: where each is, adding, changing and removing one, and the
//! passphrase of the file of keys. A new key takes the place of the old one only when the engine
//! accepts it, or the user insists.

use bevy_egui::egui;
use egui::RichText;
use oto_api_types::{CheckState, EngineConfig};
use oto_backend_client::{CredentialError, Place, account};
use secrecy::SecretString;
use secrecy::zeroize::Zeroize;

use super::Scene;
use super::engines::line;
use super::style::{button, chip, faint, primary, semi};
use crate::cli::OPENROUTER;
use crate::desk::bridge::keys::{Answer, Whereabouts};
use crate::desk::state::{Dialog, Entering, EnteringStep, HomeState};
use crate::figures::date_of;

/// Hears what came of keys, in every frame: answers come when the dialog is closed, too.
pub(super) fn listen(context: &egui::Context, scene: &mut Scene) {
    while let Some(answer) = scene.keys.answer() {
        hear(context, scene, answer);
    }
    for (engine, result) in std::mem::take(&mut scene.ui.form.tried) {
        let doubt = match &result {
            Ok(check) if passes(check.state) => None,
            Ok(check) => Some(check.sentence.clone()),
            Err(error) => Some(error.to_string()),
        };
        judge(scene, &engine, doubt);
    }
    if let HomeState::Ready(home) = &scene.desk.home {
        scene.keys.attend(&home.keys);
        if home.keys.is_asked() && scene.ui.dialog.is_none() {
            scene.ui.dialog = Some(Dialog::Unlock);
        }
    }
}

/// True when the engine accepted the key, whatever else it lacks.
fn passes(state: CheckState) -> bool {
    matches!(state, CheckState::Ready | CheckState::OutOfCredit | CheckState::NoModel)
}

/// What an engine said to a new key: it is kept, or the user decides.
fn judge(scene: &mut Scene, engine: &str, doubt: Option<String>) {
    let entering = scene.ui.form.keys.entering.as_mut().filter(|e| e.engine == engine);
    let Some(entering) = entering else { return };
    match doubt {
        Some(doubt) => entering.step = EnteringStep::Doubt(doubt),
        None => keep(scene),
    }
}

fn keep(scene: &mut Scene) {
    let Some(entering) = scene.ui.form.keys.entering.as_mut() else { return };
    let (HomeState::Ready(home), Some(place)) = (&scene.desk.home, entering.place) else { return };
    entering.step = EnteringStep::Busy;
    scene.keys.keep(&home.keys, entering.engine.clone(), entering.account.clone(), place);
}

fn hear(context: &egui::Context, scene: &mut Scene, answer: Answer) {
    let told = match answer {
        Answer::Page(page) => {
            context.open_url(egui::OpenUrl::new_tab(page));
            (OPENROUTER[0].to_owned(), scene.desk.say("engines-connecting"))
        }
        Answer::Kept(engine, place, Ok(())) => {
            scene.ui.form.keys.entering.take_if(|e| e.engine == engine);
            (engine, scene.desk.say(&format!("keys-kept-{}", place.word())))
        }
        Answer::Kept(engine, _, Err(error)) => {
            let entering = scene.ui.form.keys.entering.as_mut();
            if let Some(entering) = entering.filter(|e| e.engine == engine) {
                entering.step = EnteringStep::Doubt(error.to_string());
                // Where there is no keyring the user chooses another place.
                entering.place = entering.place.filter(|p| *p != Place::Keyring);
            }
            return;
        }
        Answer::Forgotten(engine, Ok(true)) => (engine, scene.desk.say("keys-forgotten")),
        // There was none, and nothing to tell.
        Answer::Forgotten(_, Ok(false) | Err(CredentialError::NoKeyring)) => return again(scene),
        Answer::Forgotten(engine, Err(error)) => (engine, error.to_string()),
        Answer::Places(places, used) => {
            (scene.ui.form.keys.places, scene.ui.form.keys.used) = (places, used);
            return;
        }
        Answer::Unlocked(outcome) => {
            let keys = &mut scene.ui.form.keys;
            keys.opening = false;
            keys.told = outcome.as_ref().err().map_or_else(String::new, ToString::to_string);
            if outcome.is_ok() && scene.ui.dialog == Some(Dialog::Unlock) {
                scene.ui.dialog = None;
            }
            return again(scene);
        }
        Answer::Connected(Err(error)) => (OPENROUTER[0].to_owned(), error.to_string()),
        Answer::Connected(Ok(place)) => {
            let [name, address] = OPENROUTER;
            if let HomeState::Ready(home) = &scene.desk.home {
                let config = EngineConfig {
                    adapter: "openai".to_owned(),
                    base_url: address.to_owned(),
                    model: String::new(),
                };
                home.client.add_engine(name.to_owned(), config);
            }
            (name.to_owned(), scene.desk.say(&format!("keys-kept-{}", place.word())))
        }
    };
    scene.ui.form.told.insert(told.0, told.1);
    again(scene);
}

/// Looks again where keys are.
fn again(scene: &mut Scene) {
    scene.ui.form.keys.looked.clear();
}

/// Asks where the keys are, when other engines are shown than last time.
pub(super) fn look(scene: &mut Scene) {
    let HomeState::Ready(home) = &scene.desk.home else { return };
    let of = |e: &oto_api_types::Engine| {
        e.base_url.as_ref().map(|url| (e.id.clone(), account(&e.id, url)))
    };
    let accounts: Vec<_> = scene.ui.engines.iter().filter_map(of).collect();
    if scene.ui.form.keys.looked != accounts {
        scene.keys.look(&home.keys, &home.dates, accounts.clone());
        scene.ui.form.keys.looked = accounts;
    }
}

/// Where the key is, in a word; none when that is being looked up.
fn badge_of(place: Option<&Whereabouts>) -> Option<&'static str> {
    Some(match place? {
        Ok(None) | Err(CredentialError::NoKeyring) => "keys-none",
        Ok(Some(Place::Keyring)) => "keys-in-keyring",
        Ok(Some(Place::Session)) => "keys-in-session",
        Ok(Some(Place::File)) => "keys-in-file",
        Err(_) => "keys-unknown",
    })
}

/// The key of one engine.
pub(super) fn row(ui: &mut egui::Ui, scene: &mut Scene, engine: &str, url: &str) {
    let t = scene.desk.theme.panel.clone();
    let account = account(engine, url);
    let place = scene.ui.form.keys.places.get(engine).copied();
    let has_key = matches!(place, Some(Ok(Some(_))));
    ui.horizontal(|ui| {
        let badge = badge_of(place.as_ref()).map_or_else(|| "…".to_owned(), |k| scene.desk.say(k));
        let badge = ui.label(semi(badge, 12.0));
        if let Some(Err(error)) = place {
            badge.on_hover_text(error.to_string());
        }
        if let Some(day) = scene.ui.form.keys.used.get(engine).filter(|_| has_key) {
            let used = scene.desk.words.with("keys-used", &[("date", &date_of(*day))]);
            ui.label(faint(&t, used).size(12.0));
        }
        let is_busy = scene.ui.form.keys.entering.is_some();
        let add = scene.desk.say(if has_key { "keys-change" } else { "keys-add" });
        if ui.add_enabled_ui(!is_busy, |ui| button(ui, &add).clicked()).inner {
            scene.ui.form.told.remove(engine);
            scene.ui.form.keys.entering = Some(Entering {
                engine: engine.to_owned(),
                account: account.clone(),
                place: usual_place(place.as_ref()),
                ..Entering::default()
            });
        }
        if has_key {
            remove_button(ui, scene, engine, &account);
        }
    });
    if scene.ui.form.keys.entering.as_ref().is_some_and(|e| e.engine == engine) {
        entry(ui, scene);
    }
}

/// Where a new key goes unless something else is chosen: where the old one is, else into the keyring.
/// Where there is none, the user says where.
fn usual_place(place: Option<&Whereabouts>) -> Option<Place> {
    match place {
        Some(Ok(Some(place))) => Some(*place),
        Some(Err(_)) => None,
        Some(Ok(None)) | None => Some(Place::Keyring),
    }
}

/// Asks once more before it removes.
fn remove_button(ui: &mut egui::Ui, scene: &mut Scene, engine: &str, account: &str) {
    let asked = scene.ui.form.keys.removing.as_deref() == Some(engine);
    let label = scene.desk.say(if asked { "keys-remove-sure" } else { "keys-remove" });
    let response = button(ui, &label);
    if response.clicked() && asked {
        if let HomeState::Ready(home) = &scene.desk.home {
            scene.keys.forget(&home.keys, &home.dates, engine.to_owned(), account.to_owned());
        }
        scene.ui.form.keys.removing = None;
    } else if response.clicked() {
        scene.ui.form.keys.removing = Some(engine.to_owned());
    } else if asked && response.clicked_elsewhere() {
        scene.ui.form.keys.removing = None;
    }
}

/// Typing a key, choosing where it is kept, and what the engine said to it.
fn entry(ui: &mut egui::Ui, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    let HomeState::Ready(home) = &scene.desk.home else { return };
    let Some(mut entering) = scene.ui.form.keys.entering.take() else { return };
    let credentials = home.keys.clone();
    let words = |key: &str| scene.desk.say(key);
    let field = egui::Id::new(("key", &entering.engine));
    let is_typing = entering.step == EnteringStep::Typing;
    let file_open = credentials.is_file_open();
    let (mut check, mut insist, mut leave) = (false, false, false);
    ui.add_enabled_ui(is_typing, |ui| {
        let hint = words("keys-new");
        ui.add(line(&mut entering.typed, 330.0).id(field).password(true).hint_text(hint));
    });
    ui.horizontal(|ui| {
        ui.label(faint(&t, words("keys-where")).size(12.0));
        for place in [Place::Keyring, Place::Session, Place::File] {
            let label = words(&format!("keys-place-{}", place.word()));
            let why = words(&format!("keys-place-{}-why", place.word()));
            let chosen = chip(ui, &t, &label, entering.place == Some(place)).on_hover_text(why);
            if chosen.clicked() && entering.step != EnteringStep::Busy {
                entering.place = Some(place);
            }
        }
    });
    let needs_file = entering.place == Some(Place::File) && !file_open;
    match &entering.step {
        EnteringStep::Busy => {
            ui.label(faint(&t, words("keys-checking")).size(12.0));
        }
        EnteringStep::Typing => {}
        EnteringStep::Doubt(why) => {
            ui.label(RichText::new(why).size(12.0));
            ui.label(faint(&t, words("keys-doubt")).size(12.0));
        }
    }
    if !needs_file {
        ui.horizontal(|ui| {
            let ready = !entering.typed.trim().is_empty() && entering.place.is_some();
            let is_doubted = matches!(entering.step, EnteringStep::Doubt(_));
            if is_typing {
                check = ui
                    .add_enabled_ui(ready, |ui| primary(ui, &t, &words("keys-check")).clicked())
                    .inner;
            }
            if is_doubted {
                insist = ui
                    .add_enabled_ui(entering.place.is_some(), |ui| {
                        button(ui, &words("keys-insist")).clicked()
                    })
                    .inner;
            }
            leave = button(ui, &words("keys-leave")).clicked();
        });
    }
    if check {
        // Typed text leaves the form at once, and the field forgets what was typed in it.
        let key = SecretString::from(entering.typed.trim());
        entering.typed.zeroize();
        forget_typing(ui.ctx(), field);
        match credentials.set_candidate(&entering.account, key) {
            Ok(()) => {
                entering.step = EnteringStep::Busy;
                home.client.try_key(entering.engine.clone());
            }
            Err(error) => {
                scene.ui.form.told.insert(entering.engine.clone(), error.to_string());
            }
        }
    }
    if leave {
        entering.typed.zeroize();
        forget_typing(ui.ctx(), field);
        credentials.drop_candidate(&entering.account);
        return;
    }
    scene.ui.form.keys.entering = Some(entering);
    if insist {
        keep(scene);
    }
    if needs_file {
        passphrase(ui, scene);
    }
}

/// A field keeps what was typed for undoing it.
fn forget_typing(context: &egui::Context, field: egui::Id) {
    egui::text_edit::TextEditState::default().store(context, field);
}

/// The passphrase of the file of keys: to open it, or twice to make it.
fn passphrase(ui: &mut egui::Ui, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    let HomeState::Ready(home) = &scene.desk.home else { return };
    let credentials = home.keys.clone();
    let is_new = !credentials.has_file();
    let words = |key: &str| scene.desk.words.get(key);
    ui.label(words(if is_new { "keys-file-new" } else { "keys-file-locked" }));
    let keys = &mut scene.ui.form.keys;
    let fields = ["passphrase", "passphrase again"].map(egui::Id::new);
    let [first, second] = &mut keys.passphrase;
    ui.add_enabled_ui(!keys.opening, |ui| {
        let hint = words("keys-passphrase");
        ui.add(line(first, 330.0).id(fields[0]).password(true).hint_text(hint));
        if is_new {
            let hint = words("keys-passphrase-again");
            ui.add(line(second, 330.0).id(fields[1]).password(true).hint_text(hint));
        }
    });
    let enter = ui.input(|i| i.key_pressed(egui::Key::Enter));
    let agree = !is_new || *first == *second;
    if !agree && !second.is_empty() {
        ui.label(RichText::new(words("keys-passphrase-differs")).size(12.0));
    }
    if !keys.told.is_empty() {
        ui.label(RichText::new(&keys.told).size(12.0));
    }
    let (mut open, mut left) = (false, false);
    ui.horizontal(|ui| {
        let ready = !keys.opening && agree && !first.is_empty();
        let label = words(if is_new { "keys-file-make" } else { "keys-file-open" });
        open = ui.add_enabled_ui(ready, |ui| primary(ui, &t, &label).clicked()).inner
            || (ready && enter);
        left = button(ui, &words("keys-leave")).clicked();
    });
    if open {
        keys.opening = true;
        keys.told.clear();
        let secret = SecretString::from(first.as_str());
        scene.keys.unlock(&credentials, secret);
    }
    if open || left {
        keys.passphrase.iter_mut().for_each(Zeroize::zeroize);
        fields.into_iter().for_each(|f| forget_typing(ui.ctx(), f));
    }
    if left {
        keys.told.clear();
        if let Some(mut entering) = keys.entering.take() {
            entering.typed.zeroize();
            credentials.drop_candidate(&entering.account);
        }
        leave(scene);
        if scene.ui.dialog == Some(Dialog::Unlock) {
            scene.ui.dialog = None;
        }
    }
}

/// In the engines dialog, when a check needs a key from the locked file.
pub(super) fn unlock_here(ui: &mut egui::Ui, scene: &mut Scene) {
    let HomeState::Ready(home) = &scene.desk.home else { return };
    // One form at a time: entering a key may have its own.
    if home.keys.is_asked() && scene.ui.form.keys.entering.is_none() {
        unlock(ui, scene);
        ui.separator();
    }
}

/// The dialog that opens when a job needs a key from the locked file.
pub(super) fn unlock(ui: &mut egui::Ui, scene: &mut Scene) {
    ui.label(semi(scene.desk.say("keys-unlock-title"), 15.0));
    ui.label(scene.desk.say("keys-unlock-why"));
    passphrase(ui, scene);
}

/// The passphrase is not told: what waits for it goes on without a key.
pub(super) fn leave(scene: &Scene) {
    leave_locked(scene.ui.dialog, &scene.desk.home);
}

/// A dialog that asks for the passphrase is closed.
pub(crate) fn leave_locked(dialog: Option<Dialog>, home: &HomeState) {
    if let HomeState::Ready(home) = home
        && matches!(dialog, Some(Dialog::Unlock | Dialog::Engines))
    {
        home.keys.leave_locked();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_no_keyring_the_user_says_where() {
        assert_eq!(usual_place(Some(&Ok(None))), Some(Place::Keyring));
        assert_eq!(usual_place(Some(&Ok(Some(Place::File)))), Some(Place::File));
        assert_eq!(usual_place(Some(&Err(CredentialError::NoKeyring))), None);
        assert_eq!(badge_of(None), None);
        assert_eq!(badge_of(Some(&Err(CredentialError::NoKeyring))), Some("keys-none"));
        assert_eq!(badge_of(Some(&Err(CredentialError::Locked))), Some("keys-unknown"));
    }

    #[test]
    fn a_key_that_is_accepted_passes_even_when_there_is_no_credit() {
        for state in [CheckState::Ready, CheckState::OutOfCredit, CheckState::NoModel] {
            assert!(passes(state));
        }
        for state in [CheckState::Unauthorised, CheckState::Unreachable, CheckState::NoKey] {
            assert!(!passes(state));
        }
    }
}
