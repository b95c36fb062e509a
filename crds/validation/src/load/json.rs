//! A JSON reader (RFC 8259) that feeds the builder: unlike a plain parser it keeps positions and sees duplicate keys.

use serde_json::{Number, Value};

use super::Limits;
use super::builder::{At, Builder, Key};
use super::scalar;
use crate::diagnostic::Code;

/// Parses the JSON values of `text`, which may follow each other and be separated by `---` lines.
pub(super) fn parse(text: &str, _limits: &Limits, builder: &mut Builder<'_>) {
    let mut reader = Reader {
        text,
        offset: 0,
        line: 1,
        column: 0,
    };
    loop {
        reader.skip_space();
        if reader.at_marker() {
            reader.skip_line();
            continue;
        }
        if reader.peek().is_none() {
            return;
        }
        if let Err(problem) = reader.value(builder) {
            builder.fail(
                Code::MalformedJson,
                Some(problem.at),
                format!("malformed JSON: {}", problem.what),
            );
        }
        if builder.failed() {
            return;
        }
        builder.end_document();
    }
}

struct Problem {
    at: At,
    what: &'static str,
}

/// What the reader looks for next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Key,
    CommaOrEnd,
}

struct Reader<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
    column: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.offset).copied()
    }

    fn at(&self) -> At {
        At::new(self.line, self.column)
    }

    fn problem<T>(&self, what: &'static str) -> Result<T, Problem> {
        Err(Problem { at: self.at(), what })
    }

    /// Moves past one character.
    fn bump(&mut self) {
        if let Some(c) = self.rest().chars().next() {
            self.offset += c.len_utf8();
            if c == '\n' {
                self.line += 1;
                self.column = 0;
            } else {
                self.column += 1;
            }
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.bump();
        }
    }

    fn at_marker(&self) -> bool {
        self.column == 0 && self.rest().starts_with("---")
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|byte| byte != b'\n') {
            self.bump();
        }
    }

    /// One value with everything in it, without recursion.
    fn value(&mut self, builder: &mut Builder<'_>) -> Result<(), Problem> {
        let mut open: Vec<u8> = Vec::new();
        let mut want = Want::Value;
        loop {
            self.skip_space();
            let at = self.at();
            let Some(byte) = self.peek() else {
                return self.problem("unexpected end of input");
            };
            match (want, byte) {
                (Want::KeyOrEnd, b'}') | (Want::ValueOrEnd, b']') => {
                    self.bump();
                    open.pop();
                    builder.close();
                    want = Want::CommaOrEnd;
                }
                (Want::KeyOrEnd | Want::Key, b'"') => {
                    let key = self.string()?;
                    builder.key(Key::Name(key), at);
                    self.skip_space();
                    if self.peek() != Some(b':') {
                        return self.problem("expected ':' after a key");
                    }
                    self.bump();
                    want = Want::Value;
                }
                (Want::KeyOrEnd | Want::Key, _) => return self.problem("expected a quoted key"),
                (Want::CommaOrEnd, b',') => {
                    self.bump();
                    want = if open.last() == Some(&b'{') {
                        Want::Key
                    } else {
                        Want::Value
                    };
                }
                (Want::CommaOrEnd, b'}') if open.last() == Some(&b'{') => {
                    self.bump();
                    open.pop();
                    builder.close();
                }
                (Want::CommaOrEnd, b']') if open.last() == Some(&b'[') => {
                    self.bump();
                    open.pop();
                    builder.close();
                }
                (Want::CommaOrEnd, _) => {
                    return self.problem("expected ',' or the end of the list or object");
                }
                (Want::Value | Want::ValueOrEnd, b'{') => {
                    self.bump();
                    builder.open_mapping(at, 0);
                    open.push(b'{');
                    want = Want::KeyOrEnd;
                }
                (Want::Value | Want::ValueOrEnd, b'[') => {
                    self.bump();
                    builder.open_sequence(at, 0);
                    open.push(b'[');
                    want = Want::ValueOrEnd;
                }
                (Want::Value | Want::ValueOrEnd, _) => {
                    let value = self.scalar()?;
                    builder.scalar(value, at, 0);
                    want = Want::CommaOrEnd;
                }
            }
            if builder.failed() || (open.is_empty() && want == Want::CommaOrEnd) {
                return Ok(());
            }
        }
    }

    fn scalar(&mut self) -> Result<Value, Problem> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                for (word, value) in [
                    ("true", Value::Bool(true)),
                    ("false", Value::Bool(false)),
                    ("null", Value::Null),
                ] {
                    if self.rest().starts_with(word) {
                        self.offset += word.len();
                        self.column += word.len();
                        return Ok(value);
                    }
                }
                self.problem("expected a value")
            }
        }
    }

    fn number(&mut self) -> Result<Value, Problem> {
        let length = self
            .rest()
            .bytes()
            .take_while(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))
            .count();
        let text = self.rest().get(..length).unwrap_or_default();
        // serde_json checks the grammar; a float without fraction is an integer, as on the way to the API server.
        let Ok(number) = serde_json::from_str::<Number>(text) else {
            return self.problem("malformed number");
        };
        self.offset += length;
        self.column += length;
        let value = match number.as_f64() {
            Some(float) if number.is_f64() => scalar::json_number(float),
            _ => None,
        };
        Ok(value.unwrap_or(Value::Number(number)))
    }

    fn string(&mut self) -> Result<String, Problem> {
        let bytes = self.text.as_bytes();
        let mut end = self.offset + 1;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(0..=0x1f) => {
                    return self.problem("a control character in a string; write it as an escape");
                }
                Some(_) => end += 1,
                None => return self.problem("a string without closing quote"),
            }
        }
        let quoted = self.text.get(self.offset..=end).unwrap_or_default();
        let Ok(text) = serde_json::from_str::<String>(quoted) else {
            return self.problem("an invalid escape in a string");
        };
        self.column += quoted.chars().count();
        self.offset = end + 1;
        Ok(text)
    }
}
