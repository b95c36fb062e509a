//! Input and answers of the `smithy-rpc-v2-cbor` protocol
//! (<https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>), CBOR as RFC 8949 has it.

use super::json::typed;
use super::model::{Kind, Model, Reference};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Deepest value of an input.
const DEEPEST: usize = 32;
/// Most items that a list or map says to have; the body bounds them too.
const MOST: u64 = 100_000;

/// Input of an operation in the model's member names, its types checked.
///
/// # Errors
///
/// A sentence on the first thing that cannot be read, is unknown or not of its type.
pub fn parse(model: &Model, input: Option<&Reference>, body: &[u8]) -> Result<Value, String> {
    let value = if body.is_empty() {
        Value::Object(Map::new())
    } else {
        decode(body)?
    };
    match input {
        Some(reference) => typed(model, reference, &value),
        None if value.as_object().is_some_and(Map::is_empty) => Ok(value),
        None => Err("the operation takes no parameters".to_owned()),
    }
}

/// Reads one value: bytes as base64, points in time as seconds.
///
/// # Errors
///
/// A sentence on what cannot be read.
pub fn decode(body: &[u8]) -> Result<Value, String> {
    let mut reader = Reader { rest: body };
    let value = reader.value(0)?;
    if reader.rest.is_empty() {
        Ok(value)
    } else {
        Err("there is more behind the CBOR value".to_owned())
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

/// The head of an item: its major type and argument; none is an indefinite length.
struct Head {
    major: u8,
    info: u8,
    argument: Option<u64>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        let count = usize::try_from(count).map_err(|_| short())?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, String> {
        let first = self.take(1)?.first().copied().ok_or_else(short)?;
        let (major, info) = (first >> 5, first & 0x1f);
        let argument = match info {
            0..=23 => Some(u64::from(info)),
            24..=27 => {
                let bytes = self.take(1 << (info - 24))?;
                Some(
                    bytes
                        .iter()
                        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte)),
                )
            }
            31 => None,
            _ => return Err("an item of CBOR has no such head".to_owned()),
        };
        Ok(Head {
            major,
            info,
            argument,
        })
    }

    /// True when the end of an item of indefinite length was read.
    fn ended(&mut self) -> bool {
        match self.rest.split_first() {
            Some((0xff, rest)) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err("the input is nested too deeply".to_owned());
        }
        let head = self.head()?;
        match (head.major, head.argument) {
            (0, Some(number)) => Ok(Value::from(number)),
            (1, Some(number)) => i64::try_from(number)
                .map(|number| Value::from(-1 - number))
                .map_err(|_| "a number is too small".to_owned()),
            (2 | 3, length) => self.string(head.major, length),
            (4, length) => self.list(length, depth),
            (5, length) => self.map(length, depth),
            // A point in time in seconds.
            (6, Some(1)) => match self.value(depth + 1)? {
                Value::Number(number) => Ok(Value::Number(number)),
                _ => Err("a point in time is no number".to_owned()),
            },
            (6, Some(tag)) => Err(format!("the tag {tag} has no meaning here")),
            (7, Some(argument)) => simple(head.info, argument),
            _ => Err("an item of CBOR has no such head".to_owned()),
        }
    }

    fn string(&mut self, major: u8, length: Option<u64>) -> Result<Value, String> {
        let mut bytes = Vec::new();
        match length {
            Some(length) => bytes.extend_from_slice(self.take(length)?),
            None => {
                while !self.ended() {
                    let part = self.head()?;
                    match (part.major == major, part.argument) {
                        (true, Some(length)) => bytes.extend_from_slice(self.take(length)?),
                        _ => return Err("a part of a text is something else".to_owned()),
                    }
                }
            }
        }
        if major == 2 {
            return Ok(Value::from(STANDARD.encode(bytes)));
        }
        String::from_utf8(bytes)
            .map(Value::from)
            .map_err(|_| "a text is no UTF-8".to_owned())
    }

    fn list(&mut self, length: Option<u64>, depth: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        while self.more(length, items.len())? {
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, length: Option<u64>, depth: usize) -> Result<Value, String> {
        let mut members = Map::new();
        let mut read = 0;
        while self.more(length, read)? {
            let Value::String(name) = self.value(depth + 1)? else {
                return Err("a key of a map is no text".to_owned());
            };
            let value = self.value(depth + 1)?;
            if members.insert(name, value).is_some() {
                return Err("a key of a map is there twice".to_owned());
            }
            read += 1;
        }
        Ok(Value::Object(members))
    }

    fn more(&mut self, length: Option<u64>, read: usize) -> Result<bool, String> {
        let read = u64::try_from(read).unwrap_or(MOST);
        if read >= MOST {
            return Err("a list or map is too long".to_owned());
        }
        Ok(match length {
            Some(length) => read < length,
            None => !self.ended(),
        })
    }
}

fn short() -> String {
    "the CBOR value ends early".to_owned()
}

fn simple(info: u8, argument: u64) -> Result<Value, String> {
    let number = match info {
        20 => return Ok(Value::from(false)),
        21 => return Ok(Value::from(true)),
        22 | 23 => return Ok(Value::Null),
        25 => half(u16::try_from(argument).unwrap_or(0)),
        26 => f64::from(f32::from_bits(u32::try_from(argument).unwrap_or(0))),
        27 => f64::from_bits(argument),
        _ => return Err("a simple value has no meaning here".to_owned()),
    };
    if number.is_finite() {
        Ok(Value::from(number))
    } else {
        Err("a number is not finite".to_owned())
    }
}

/// A number of 16 bits (RFC 8949 appendix D).
fn half(bits: u16) -> f64 {
    let mantissa = f64::from(bits & 0x3ff);
    let value = match (bits >> 10) & 0x1f {
        0 => mantissa * 2.0_f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (mantissa + 1024.0) * 2.0_f64.powi(i32::from(exponent) - 25),
    };
    if bits & 0x8000 == 0 { value } else { -value }
}

/// An answer that was checked, as CBOR: points in time with their tag, blobs as bytes.
pub fn write(model: &Model, output: Option<&Reference>, value: &Value) -> Vec<u8> {
    let mut wire = Vec::new();
    match output {
        Some(reference) => encode(&mut wire, model, Some(reference), value),
        None => wire.push(0xa0),
    }
    wire
}

/// An error as CBOR.
pub fn error(code: &str, message: &str) -> Vec<u8> {
    let mut wire = vec![0xa2];
    for part in ["__type", code, "message", message] {
        text(&mut wire, part);
    }
    wire
}

fn head(wire: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    let bytes = argument.to_be_bytes();
    let [.., b4, b5, b6, b7] = bytes;
    match argument {
        0..=23 => wire.push(major | b7),
        24..=0xff => wire.extend([major | 0x18, b7]),
        0x100..=0xffff => wire.extend([major | 0x19, b6, b7]),
        0x1_0000..=0xffff_ffff => wire.extend([major | 0x1a, b4, b5, b6, b7]),
        _ => {
            wire.push(major | 0x1b);
            wire.extend(bytes);
        }
    }
}

fn text(wire: &mut Vec<u8>, text: &str) {
    head(wire, 3, text.len() as u64);
    wire.extend(text.as_bytes());
}

fn float(wire: &mut Vec<u8>, number: f64) {
    wire.push(0xfb);
    wire.extend(number.to_bits().to_be_bytes());
}

fn encode(wire: &mut Vec<u8>, model: &Model, reference: Option<&Reference>, value: &Value) {
    let shape = reference.and_then(|reference| model.shape(&reference.shape));
    let kind = shape.map(|shape| shape.kind);
    match value {
        Value::Null => wire.push(0xf6),
        Value::Bool(false) => wire.push(0xf4),
        Value::Bool(true) => wire.push(0xf5),
        Value::Number(number) => match (kind, number.as_u64(), number.as_i64()) {
            (Some(Kind::Timestamp), _, _) => {
                wire.push(0xc1);
                float(wire, number.as_f64().unwrap_or_default());
            }
            (Some(Kind::Float | Kind::Double), _, _) => float(wire, number.as_f64().unwrap_or_default()),
            (_, Some(number), _) => head(wire, 0, number),
            (_, None, Some(number)) => head(wire, 1, number.unsigned_abs().saturating_sub(1)),
            (_, None, None) => float(wire, number.as_f64().unwrap_or_default()),
        },
        Value::String(encoded) if kind == Some(Kind::Blob) => {
            let bytes = STANDARD.decode(encoded).unwrap_or_default();
            head(wire, 2, bytes.len() as u64);
            wire.extend(bytes);
        }
        Value::String(own) => text(wire, own),
        Value::Array(items) => {
            head(wire, 4, items.len() as u64);
            let member = shape.and_then(|shape| shape.member.as_ref());
            for item in items {
                encode(wire, model, member, item);
            }
        }
        Value::Object(members) => {
            head(wire, 5, members.len() as u64);
            for (name, inner) in members {
                text(wire, name);
                let member = shape.and_then(|shape| shape.members.get(name).or(shape.value.as_ref()));
                encode(wire, model, member, inner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Examples of RFC 8949 appendix A.
    #[test]
    fn values_are_those_of_the_rfc() {
        for (bytes, value) in [
            (&[0x18, 0x64][..], json!(100)),
            (
                &[0x1b, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0x00],
                json!(1_000_000_000_000_u64),
            ),
            (&[0x38, 0x63], json!(-100)),
            (&[0xf9, 0x3e, 0x00], json!(1.5)),
            (&[0xfa, 0x47, 0xc3, 0x50, 0x00], json!(100_000.0)),
            (
                &[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
                json!(1.1),
            ),
            (&[0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0], json!(1_363_896_240)),
            (&[0x44, 1, 2, 3, 4], json!("AQIDBA==")),
            (&[0x83, 1, 2, 3], json!([1, 2, 3])),
            (&[0xa1, 0x61, 0x61, 0x82, 0xf5, 0xf6], json!({"a": [true, null]})),
            (&[0xbf, 0x61, 0x61, 0x9f, 1, 0xff, 0xff], json!({"a": [1]})),
            (&[0x7f, 0x62, 0x61, 0x62, 0x61, 0x63, 0xff], json!("abc")),
        ] {
            assert_eq!(decode(bytes).unwrap(), value, "{bytes:x?}");
        }
    }

    #[test]
    fn hostile_input_is_refused() {
        for bytes in [
            &[][..],
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x61],
            &[0xa1, 1, 2],
            &[0x01, 0x01],
            &[0xf9, 0x7c, 0x00],
            &[0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2],
            &[0x9f, 1],
            &[0x81; 64],
        ] {
            assert!(decode(bytes).is_err(), "{bytes:x?}");
        }
    }

    #[test]
    fn errors_and_values_read_back() {
        let read = decode(&error("InvalidParameterException", "no")).unwrap();
        assert_eq!(
            read,
            json!({"__type": "InvalidParameterException", "message": "no"})
        );
        let model = Model::read(include_str!("../../models/tagging.json")).unwrap();
        let output = model
            .operations
            .get("GetResources")
            .and_then(|operation| operation.output.as_ref());
        let answer = json!({"PaginationToken": "", "ResourceTagMappingList": [
            {"ResourceARN": "arn:aws:x", "Tags": [{"Key": "k", "Value": "v".repeat(300)}],
             "ComplianceDetails": {"ComplianceStatus": true}}]});
        assert_eq!(decode(&write(&model, output, &answer)).unwrap(), answer);
    }
}
