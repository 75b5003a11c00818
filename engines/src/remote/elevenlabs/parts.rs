//! Long texts: how much a model takes at once, and where a text is divided.

/// Letters that a model takes in one request, as its maker says.
pub(super) fn most_of(model: &str) -> usize {
    match model {
        "eleven_multilingual_v2" | "eleven_multilingual_v1" | "eleven_monolingual_v1" => 10_000,
        "eleven_flash_v2" | "eleven_turbo_v2" => 30_000,
        "eleven_flash_v2_5" | "eleven_turbo_v2_5" => 40_000,
        "eleven_v3" => 3_000,
        _ => 2_500,
    }
}

/// Parts of at most `most` letters: divided after a sentence, else after a clause, else between
/// two words, and inside a word only when nothing else is left.
pub(super) fn split(text: &str, most: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while let Some((end, _)) = rest.char_indices().nth(most.max(1)) {
        let cut = cut_in(rest, end);
        parts.push(rest[..cut].trim_end().to_owned());
        rest = rest[cut..].trim_start();
    }
    if !rest.is_empty() {
        parts.push(rest.to_owned());
    }
    parts
}

/// The last good place to divide before `end`.
fn cut_in(text: &str, end: usize) -> usize {
    // What follows the window tells whether its last mark ends a sentence.
    let next = text[end..].chars().next().map_or(end, |c| end + c.len_utf8());
    let marks = || text[..next].char_indices().zip(text[..next].char_indices().skip(1));
    let after = |ends: &[char]| {
        let fits = marks().filter(|((_, c), (_, n))| ends.contains(c) && n.is_whitespace());
        fits.map(|(_, (at, _))| at).filter(|at| *at <= end).last()
    };
    let wide = |ends: &[char]| {
        let mut fits = text[..end].char_indices().filter(|(_, c)| ends.contains(c));
        fits.next_back().map(|(at, c)| at + c.len_utf8())
    };
    // Some scripts put no space after a sentence.
    after(&['.', '!', '?', '…', '"', '”', '»'])
        .max(wide(&['\n', '。', '！', '？']))
        .or_else(|| after(&[',', ';', ':', '—', '–']).max(wide(&['、', '，', '；'])))
        .or_else(|| text[..next].rfind(char::is_whitespace))
        .filter(|cut| *cut > 0)
        .unwrap_or(end)
}

/// The last letters of a text, to be heard before the next part.
pub(super) fn tail(text: &str, most: usize) -> &str {
    let skipped = text.chars().count().saturating_sub(most);
    text.char_indices().nth(skipped).map_or("", |(at, _)| &text[at..])
}

/// The first letters of a text, to be heard after the part before.
pub(super) fn head(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_divided_where_one_breathes() {
        let parts = |text, most| split(text, most);
        assert_eq!(parts("One. Two three. Four", 16), ["One. Two three.", "Four"]);
        assert_eq!(parts("One. Two three. Four", 15), ["One. Two three.", "Four"]);
        assert_eq!(parts("One, two three", 9), ["One,", "two three"]);
        assert_eq!(parts("one two", 3), ["one", "two"]);
        assert_eq!(parts("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(parts("Pi is 3.14159 or so", 9), ["Pi is", "3.14159", "or so"]);
        assert_eq!(parts("早。晚。夜", 4), ["早。晚。", "夜"]);
        assert_eq!(parts("short", 10), ["short"]);
        assert!(parts("  ", 10).is_empty());
    }

    #[test]
    fn no_letter_is_lost_and_no_part_is_too_long() {
        let text = "Élan vital! Ça va? Oui, merci; très bien… et vous\nà demain ".repeat(20);
        for most in [1, 2, 7, 30, 200] {
            let parts = split(&text, most);
            assert!(parts.iter().all(|p| p.chars().count() <= most), "{most}");
            let bare = |t: &str| t.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(bare(&parts.concat()), bare(&text));
        }
    }

    #[test]
    fn neighbours_are_short() {
        assert_eq!(
            (tail("añb", 2), head("añb", 2), tail("a", 5), head("a", 5)),
            ("ñb", "añ", "a", "a")
        );
    }
}
