//! stub
use oto_media::timeline::Style;
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    pub title: String,
    pub scenes: Vec<ScriptScene>,
}
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptScene {
    pub narration: String,
    pub visual: String,
    pub seconds: Option<f32>,
}
pub fn ask(
    prompt: &str,
    _style: Style,
    _seconds: u32,
    _language: &str,
    _sources: &[&str],
) -> String {
    prompt.to_owned()
}
pub fn read(_answer: &str) -> Result<Script, String> {
    Err("stub".into())
}
pub fn repair(answer: &str, _wrong: &str) -> String {
    answer.to_owned()
}
pub fn of_text(text: &str, prompt: &str, _seconds: Option<u32>) -> Script {
    Script {
        title: prompt.to_owned(),
        scenes: text
            .split(". ")
            .map(|t| ScriptScene { narration: t.to_owned(), visual: t.to_owned(), seconds: None })
            .collect(),
    }
}
pub fn visual_prompt(scene: &ScriptScene, _prompt: &str, _style: Style) -> (String, String) {
    (scene.visual.clone(), String::new())
}
