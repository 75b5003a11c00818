//! JSON as models write it: any quotes, no quotes, comments, missing and superfluous commas, line
//! breaks and quotes inside strings, and an end anywhere. Every text can be parsed; each step
//! takes at least one letter, and nothing is looked at further ahead than a line.

/// What was read. Numbers, true and null are texts; `false` in a list or map: its end is missing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    List(Vec<Value>, bool),
    Map(Vec<(String, Value)>, bool),
}

impl Value {
    /// The value of the first of these keys that is there, however it is written.
    pub(super) fn get(&self, keys: &[&str]) -> Option<&Self> {
        let Self::Map(pairs, _) = self else { return None };
        keys.iter().find_map(|key| pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v))
    }
}

/// Deeper than any script.
const MOST_DEPTH: usize = 24;
/// How far ahead is looked to see whether a quote ends a text.
const AHEAD: usize = 160;
/// Longest key.
const KEY: usize = 40;

/// The value that begins at a place, and where it ends.
pub(super) fn parse(letters: &[char], start: usize) -> (Value, usize) {
    let mut reader = Reader { letters, at: start, depth: 0 };
    let value = reader.value().unwrap_or_else(|| Value::Text(String::new()));
    (value, reader.at.max(start + 1).min(letters.len()))
}

struct Reader<'a> {
    letters: &'a [char],
    at: usize,
    depth: usize,
}

fn closes(open: char, c: char) -> bool {
    match open {
        '"' => c == '"',
        '“' | '”' | '„' => matches!(c, '”' | '“' | '"'),
        '‘' | '’' => matches!(c, '’' | '\''),
        '«' => c == '»',
        other => c == other,
    }
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '“' | '”' | '„' | '‘' | '’' | '«' | '`')
}

fn is_key_letter(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | ' ')
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    /// Where the next thing is after white space and comments, looking at most so far.
    fn skipped(&self, mut at: usize, most: usize) -> usize {
        let end = self.letters.len().min(at.saturating_add(most));
        while at < end {
            let pair = (self.letters[at], self.letters.get(at + 1).copied());
            match pair {
                (c, _) if c.is_whitespace() => at += 1,
                ('/', Some('/')) => {
                    while at < end && self.letters[at] != '\n' {
                        at += 1;
                    }
                }
                ('/', Some('*')) => {
                    at += 2;
                    while at < end && !(self.letters[at - 1] == '*' && self.letters[at] == '/') {
                        at += 1;
                    }
                    at += 1;
                }
                _ => break,
            }
        }
        at.min(self.letters.len())
    }

    fn skip(&mut self) {
        self.at = self.skipped(self.at, usize::MAX);
    }

    /// None where the letters end before the value does.
    fn value(&mut self) -> Option<Value> {
        self.skip();
        match self.peek()? {
            '{' => Some(self.inside(Self::map)),
            '[' => Some(self.inside(Self::list)),
            c if is_quote(c) => self.quoted(false).map(Value::Text),
            _ => Some(Value::Text(self.bare(false))),
        }
    }

    fn inside(&mut self, read: fn(&mut Self) -> Value) -> Value {
        self.at += 1;
        if self.depth >= MOST_DEPTH {
            return Value::Text(String::new());
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn map(&mut self) -> Value {
        let mut pairs = Vec::new();
        loop {
            self.skip();
            let before = self.at;
            match self.peek() {
                None => return Value::Map(pairs, false),
                Some('}') => {
                    self.at += 1;
                    return Value::Map(pairs, true);
                }
                // The list around it ends: only its own bracket was forgotten.
                Some(']') => return Value::Map(pairs, true),
                Some(',' | ';' | ':') => self.at += 1,
                // Another object begins: this one was never closed.
                Some('{') if pairs.len() > 1 => return Value::Map(pairs, true),
                Some(c) => {
                    let key = if is_quote(c) { self.quoted(true) } else { Some(self.bare(true)) };
                    let Some(key) = key else { return Value::Map(pairs, false) };
                    self.skip();
                    if matches!(self.peek(), Some(':' | '=' | '：')) {
                        self.at += 1;
                        let Some(value) = self.value() else { return Value::Map(pairs, false) };
                        pairs.push((super::key_of(&key), value));
                    }
                }
            }
            self.at = self.at.max(before + 1);
        }
    }

    fn list(&mut self) -> Value {
        let mut items = Vec::new();
        loop {
            self.skip();
            let before = self.at;
            match self.peek() {
                None => return Value::List(items, false),
                Some(']') => {
                    self.at += 1;
                    return Value::List(items, true);
                }
                Some('}') => return Value::List(items, true),
                Some(',' | ';') => self.at += 1,
                Some(_) => match self.value() {
                    Some(value) => items.push(value),
                    None => return Value::List(items, false),
                },
            }
            self.at = self.at.max(before + 1);
        }
    }

    /// A number, a word, or text without quotes.
    fn bare(&mut self, key: bool) -> String {
        let start = self.at;
        while let Some(c) = self.peek() {
            let comment = c == '/' && matches!(self.letters.get(self.at + 1), Some('/' | '*'));
            let ends = matches!(c, ',' | '{' | '}' | '[' | ']' | '\n') || comment;
            if ends || (key && matches!(c, ':' | '=' | '：')) {
                break;
            }
            self.at += 1;
        }
        self.letters[start..self.at].iter().collect::<String>().trim().to_owned()
    }

    /// A text in quotes. None when its end is missing.
    fn quoted(&mut self, key: bool) -> Option<String> {
        let open = self.peek()?;
        self.at += 1;
        let mut out = String::new();
        while let Some(c) = self.peek() {
            if c == '\\' {
                self.at += 1;
                out.push(self.escaped()?);
                continue;
            }
            if closes(open, c) && self.ends_after(self.at + 1, key) {
                self.at += 1;
                return Some(out);
            }
            // The next key on its own line: the quote was forgotten.
            if c == '\n' && self.is_key_at(self.skipped(self.at, AHEAD), true) {
                return Some(out);
            }
            out.push(c);
            self.at += 1;
        }
        None
    }

    fn escaped(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(match c {
            'n' | 'r' => '\n',
            't' | 'b' | 'f' => ' ',
            'u' => {
                let first = self.hex()?;
                if !(0xd800..0xdc00).contains(&first) {
                    return Some(char::from_u32(first).unwrap_or(' '));
                }
                if self.letters.get(self.at..self.at + 2) != Some(&['\\', 'u']) {
                    return Some(' ');
                }
                self.at += 2;
                let second = self.hex()?;
                let low = second.wrapping_sub(0xdc00);
                if low >= 0x400 {
                    return Some(' ');
                }
                char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low).unwrap_or(' ')
            }
            other => other,
        })
    }

    /// Up to four digits; zero where there are none.
    fn hex(&mut self) -> Option<u32> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek()?.to_digit(16) else { break };
            value = value * 16 + digit;
            self.at += 1;
        }
        Some(value)
    }

    /// Whether what follows a quote shows that it ended the text.
    fn ends_after(&self, at: usize, key: bool) -> bool {
        let at = self.skipped(at, AHEAD);
        match self.letters.get(at) {
            None | Some('}' | ']') => true,
            Some(':' | '=' | '：') => key,
            Some(',') => {
                let at = self.skipped(at + 1, AHEAD);
                match self.letters.get(at) {
                    None | Some('{' | '}' | '[' | ']' | ',') => true,
                    Some(c) if is_quote(*c) || c.is_ascii_digit() => true,
                    Some(_) => self.is_key_at(at, false),
                }
            }
            // A comma was forgotten.
            Some('{') => !key,
            Some(_) => self.is_key_at(at, false),
        }
    }

    /// Whether a key and its colon stand here; only in quotes when that is wanted.
    fn is_key_at(&self, mut at: usize, in_quotes: bool) -> bool {
        let quoted = self.letters.get(at).is_some_and(|c| is_quote(*c));
        if in_quotes && !quoted {
            return false;
        }
        at += usize::from(quoted);
        let start = at;
        let letter = |at: usize| self.letters.get(at).is_some_and(|c| is_key_letter(*c));
        while at < start + KEY && letter(at) {
            at += 1;
        }
        if at == start {
            return false;
        }
        at += usize::from(quoted && self.letters.get(at).is_some_and(|c| is_quote(*c)));
        let at = self.skipped(at, AHEAD);
        matches!(self.letters.get(at), Some(':' | '：'))
    }
}
