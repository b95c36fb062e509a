//! YAML events into the builder.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use serde_json::Value;

use super::builder::{At, Builder, Key};
use super::scalar;
use crate::diagnostic::Code;

/// Parses every document of `text`. Stops at the first syntax error: the caller has cut the stream already.
pub(super) fn parse(text: &str, builder: &mut Builder<'_>) {
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                if feed(event, &span, builder).is_err() {
                    return;
                }
            }
            Err(error) => {
                builder.fail(Code::MalformedYaml, Some(marker(&error)), describe(&error));
                return;
            }
        }
        if builder.failed() {
            return;
        }
    }
}

fn marker(error: &ScanError) -> At {
    At::of(error.marker())
}

/// The scanner's words, which quote nothing of the document.
fn describe(error: &ScanError) -> String {
    format!("malformed YAML: {}", error.info())
}

/// Means that the builder has recorded why it cannot go on.
struct Stop;

fn feed(event: Event<'_>, span: &Span, builder: &mut Builder<'_>) -> Result<(), Stop> {
    let at = At::of(&span.start);
    match event {
        Event::Scalar(text, style, anchor, tag) => {
            let tag = tag.as_deref();
            let core = tag.and_then(core_tag);
            if tag.is_some() && core.is_none() {
                builder.fail(
                    Code::MalformedYaml,
                    Some(at),
                    "this tag is not supported; only the core tags (!!str, !!int, !!float, !!bool, !!null) are",
                );
                return Err(Stop);
            }
            let plain = style == ScalarStyle::Plain && tag.is_none();
            if plain && scalar::is_merge_key(&text) && builder.expects_key() {
                builder.key(Key::Merge, at);
                return Ok(());
            }
            let value = match (plain, core) {
                (true, _) => scalar::resolve(&text),
                (false, None | Some(CoreTag::Str)) => Ok(Value::String(text.into_owned())),
                (false, Some(tag)) => match scalar::resolve(&text) {
                    Ok(value) if tag.admits(&value) => Ok(value),
                    _ => {
                        builder.fail(Code::MalformedYaml, Some(at), "the value does not fit its tag");
                        return Err(Stop);
                    }
                },
            };
            let Ok(value) = value else {
                builder.fail(
                    Code::MalformedYaml,
                    Some(at),
                    "infinity and not-a-number have no JSON form and cannot be used in a manifest",
                );
                return Err(Stop);
            };
            if builder.expects_key() {
                let Some(key) = scalar::key(&value) else {
                    builder.fail(Code::MalformedYaml, Some(at), "a mapping key must not be null");
                    return Err(Stop);
                };
                builder.key(Key::Name(key), at);
            } else {
                builder.scalar(value, at, anchor);
            }
        }
        Event::SequenceStart(anchor, _) => {
            complex_key(builder, at)?;
            builder.open_sequence(at, anchor);
        }
        Event::MappingStart(anchor, _) => {
            complex_key(builder, at)?;
            builder.open_mapping(at, anchor);
        }
        Event::SequenceEnd | Event::MappingEnd => builder.close(),
        Event::Alias(anchor) => {
            if builder.expects_key() {
                builder.alias_key(anchor, at);
            } else {
                builder.alias(anchor, at);
            }
        }
        Event::DocumentEnd => builder.end_document(),
        Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
    }
    if builder.failed() { Err(Stop) } else { Ok(()) }
}

fn complex_key(builder: &mut Builder<'_>, at: At) -> Result<(), Stop> {
    if builder.expects_key() {
        builder.fail(Code::MalformedYaml, Some(at), "a mapping key must be a scalar");
        return Err(Stop);
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum CoreTag {
    Str,
    Int,
    Float,
    Bool,
    Null,
}

impl CoreTag {
    fn admits(self, value: &Value) -> bool {
        match self {
            Self::Str => value.is_string(),
            Self::Int => value.is_i64() || value.is_u64(),
            Self::Float => value.is_number(),
            Self::Bool => value.is_boolean(),
            Self::Null => value.is_null(),
        }
    }
}

fn core_tag(tag: &saphyr_parser::Tag) -> Option<CoreTag> {
    // The non-specific tag `!` makes a scalar a string (YAML 1.2.2, section 6.9.1).
    if tag.handle.is_empty() && tag.suffix == "!" || tag.handle == "!" && tag.suffix.is_empty() {
        return Some(CoreTag::Str);
    }
    if !tag.is_yaml_core_schema() {
        return None;
    }
    Some(match tag.suffix.as_str() {
        "str" => CoreTag::Str,
        "int" => CoreTag::Int,
        "float" => CoreTag::Float,
        "bool" => CoreTag::Bool,
        "null" => CoreTag::Null,
        _ => return None,
    })
}
