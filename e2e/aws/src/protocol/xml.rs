//! Answers of the `query` and `ec2` protocols.

use super::model::{Kind, Model, Operation, Protocol, Reference, Shape};
use super::time;
use serde_json::Value;
use std::borrow::Cow;

const HEADER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// An answer that was checked, as XML.
pub fn write(
    model: &Model,
    protocol: Protocol,
    operation: &Operation,
    value: &Value,
    request_id: &str,
) -> Vec<u8> {
    let mut writer = Writer {
        model,
        protocol,
        text: String::from(HEADER),
    };
    let namespace = namespace(model);
    let name = &operation.name;
    for part in ["<", name, "Response xmlns=\"", &escape(&namespace), "\">"] {
        writer.text.push_str(part);
    }
    if protocol == Protocol::Ec2 {
        writer.leaf("requestId", request_id);
        writer.members(operation.output.as_ref(), value);
    } else {
        let wrapper = operation
            .output
            .as_ref()
            .and_then(|output| output.result_wrapper.clone());
        let wrapper = wrapper.unwrap_or_else(|| format!("{name}Result"));
        writer.open(&wrapper);
        writer.members(operation.output.as_ref(), value);
        writer.close(&wrapper);
        writer.open("ResponseMetadata");
        writer.leaf("RequestId", request_id);
        writer.close("ResponseMetadata");
    }
    writer.close(&format!("{name}Response"));
    writer.text.into_bytes()
}

/// An error as XML.
pub fn error(model: Option<&Model>, protocol: Protocol, told: &Told<'_>) -> Vec<u8> {
    let (code, message, id) = (escape(told.code), escape(told.message), escape(told.request_id));
    let text = if protocol == Protocol::Ec2 {
        format!(
            "{HEADER}<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>{id}</RequestID></Response>"
        )
    } else {
        let fault = if told.status >= 500 { "Receiver" } else { "Sender" };
        format!(
            "{HEADER}<ErrorResponse xmlns=\"{}\"><Error><Type>{fault}</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>",
            escape(&model.map(namespace).unwrap_or_default())
        )
    };
    text.into_bytes()
}

/// What an error says.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Its code.
    pub code: &'a str,
    /// Its message.
    pub message: &'a str,
    /// Status of the answer.
    pub status: u16,
    /// Id of the call.
    pub request_id: &'a str,
}

fn namespace(model: &Model) -> Cow<'_, str> {
    match &model.metadata.xml_namespace {
        Some(namespace) => Cow::Borrowed(namespace),
        None => Cow::Owned(format!(
            "http://{}.amazonaws.com/doc/{}/",
            model.metadata.endpoint_prefix, model.metadata.api_version
        )),
    }
}

struct Writer<'a> {
    model: &'a Model,
    protocol: Protocol,
    text: String,
}

impl Writer<'_> {
    fn leaf(&mut self, name: &str, text: &str) {
        self.open(name);
        self.text.push_str(&escape(text));
        self.close(name);
    }

    fn open(&mut self, name: &str) {
        for part in ["<", name, ">"] {
            self.text.push_str(part);
        }
    }

    fn close(&mut self, name: &str) {
        for part in ["</", name, ">"] {
            self.text.push_str(part);
        }
    }

    fn members(&mut self, output: Option<&Reference>, value: &Value) {
        let shape = output.and_then(|output| self.model.shape(&output.shape));
        if let Some(shape) = shape {
            self.structure(shape, value);
        }
    }

    fn structure(&mut self, shape: &Shape, value: &Value) {
        for (name, inner) in value.as_object().into_iter().flatten() {
            if let Some(member) = shape.members.get(name) {
                let wire = member.location_name.as_deref().unwrap_or(name);
                self.element(wire, member, inner);
            }
        }
    }

    fn element(&mut self, name: &str, reference: &Reference, value: &Value) {
        let Some(shape) = self.model.shape(&reference.shape) else {
            return;
        };
        match (shape.kind, value) {
            (Kind::Structure, _) => {
                self.open(name);
                self.structure(shape, value);
                self.close(name);
            }
            (Kind::List, Value::Array(items)) => {
                let Some(member) = &shape.member else {
                    return;
                };
                if shape.flattened {
                    items.iter().for_each(|item| self.element(name, member, item));
                    return;
                }
                let usual = if self.protocol == Protocol::Ec2 {
                    "item"
                } else {
                    "member"
                };
                let inner = member.location_name.as_deref().unwrap_or(usual);
                self.open(name);
                items.iter().for_each(|item| self.element(inner, member, item));
                self.close(name);
            }
            (Kind::Map, Value::Object(entries)) => self.map(name, shape, entries),
            (Kind::Timestamp, Value::Number(number)) => {
                self.leaf(name, &time::iso8601(number.as_f64().unwrap_or_default()));
            }
            (_, Value::String(text)) => self.leaf(name, text),
            (_, other) => self.leaf(name, &other.to_string()),
        }
    }

    fn map(&mut self, name: &str, shape: &Shape, entries: &serde_json::Map<String, Value>) {
        let (Some(key), Some(value)) = (&shape.key, &shape.value) else {
            return;
        };
        let key_name = key.location_name.as_deref().unwrap_or("key");
        let value_name = value.location_name.as_deref().unwrap_or("value");
        let entry_name = if shape.flattened { name } else { "entry" };
        if !shape.flattened {
            self.open(name);
        }
        for (entry, inner) in entries {
            self.open(entry_name);
            self.leaf(key_name, entry);
            self.element(value_name, value, inner);
            self.close(entry_name);
        }
        if !shape.flattened {
            self.close(name);
        }
    }
}

/// Text for an element or an attribute. What XML 1.0 has no way to write becomes the replacement character.
fn escape(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| c >= ' ' && !matches!(c, '<' | '>' | '&' | '"' | '\u{FFFE}' | '\u{FFFF}');
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\t' => escaped.push_str("&#x9;"),
            '\n' => escaped.push_str("&#xA;"),
            '\r' => escaped.push_str("&#xD;"),
            c if harmless(c) => escaped.push(c),
            _ => escaped.push('\u{FFFD}'),
        }
    }
    Cow::Owned(escaped)
}
