//! The functions that rules may call: CEL's standard library and extensions, and Kubernetes' own
//! ("CEL options, language features and libraries" in the Kubernetes documentation).

mod text;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use self::text::{char_at, find_all, find_match, index_of, join, last_index_of, matches, split, substring};
use super::eval::EvalError;
use super::named::NamedFormat;
use super::net::{
    contains_ip, is_global_unicast, is_link_local_multicast, is_link_local_unicast, is_url, parse_cidr,
    parse_ip, to_cidr, to_ip,
};
use super::value::Val;

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `f(x)`, also `namespace.f(x)`.
    Global,
    /// `x.f()`.
    Member,
}

pub(super) type Result<'a> = std::result::Result<Val<'a>, EvalError>;
/// `None` means that there is no overload for these types.
type Body = for<'a> fn(&[Val<'a>]) -> Option<Result<'a>>;

/// A function that was found by name, style and number of arguments.
#[derive(Clone, Copy)]
pub(super) struct Function {
    pub(super) name: &'static str,
    body: Body,
}

impl Function {
    pub(super) fn call<'a>(&self, arguments: &[Val<'a>]) -> Option<Result<'a>> {
        (self.body)(arguments)
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Function").field(&self.name).finish()
    }
}

/// Finds a function. `arity` counts the receiver.
pub(super) fn find(name: &str, style: Style, arity: usize) -> Option<Function> {
    TABLE
        .iter()
        .find(|entry| entry.0 == name && entry.1 == style && entry.2 == arity)
        .map(|entry| Function {
            name: entry.0,
            body: entry.3,
        })
}

use Style::{Global, Member};

/// Name, style, arguments with the receiver, body.
const TABLE: &[(&str, Style, usize, Body)] = &[
    ("size", Global, 1, size),
    ("size", Member, 1, size),
    ("string", Global, 1, to_string),
    ("int", Global, 1, to_int),
    ("double", Global, 1, to_double),
    ("dyn", Global, 1, |args| Some(Ok(args.first()?.clone()))),
    ("duration", Global, 1, to_duration),
    ("timestamp", Global, 1, to_timestamp),
    ("contains", Member, 2, |args| {
        text2(args, |a, b| Val::Bool(a.contains(b)))
    }),
    ("startsWith", Member, 2, |args| {
        text2(args, |a, b| Val::Bool(a.starts_with(b)))
    }),
    ("endsWith", Member, 2, |args| {
        text2(args, |a, b| Val::Bool(a.ends_with(b)))
    }),
    ("matches", Member, 2, matches),
    ("matches", Global, 2, matches),
    ("find", Member, 2, find_match),
    ("findAll", Member, 2, find_all),
    ("lowerAscii", Member, 1, |args| {
        text1(args, |a| Val::str(a.to_ascii_lowercase()))
    }),
    ("upperAscii", Member, 1, |args| {
        text1(args, |a| Val::str(a.to_ascii_uppercase()))
    }),
    ("trim", Member, 1, |args| {
        text1(args, |a| Val::str(a.trim().to_owned()))
    }),
    ("reverse", Member, 1, |args| {
        text1(args, |a| Val::str(a.chars().rev().collect::<String>()))
    }),
    ("charAt", Member, 2, char_at),
    ("substring", Member, 2, substring),
    ("substring", Member, 3, substring),
    ("indexOf", Member, 2, index_of),
    ("lastIndexOf", Member, 2, last_index_of),
    ("replace", Member, 3, |args| match args {
        [Val::Str(text), Val::Str(from), Val::Str(to)] => Some(Ok(Val::str(text.replace(&**from, to)))),
        _ => None,
    }),
    ("split", Member, 2, split),
    ("split", Member, 3, split),
    ("join", Member, 1, join),
    ("join", Member, 2, join),
    ("isSorted", Member, 1, is_sorted),
    ("min", Member, 1, |args| extreme(args, std::cmp::Ordering::Less)),
    ("max", Member, 1, |args| {
        extreme(args, std::cmp::Ordering::Greater)
    }),
    ("sum", Member, 1, sum),
    ("sets.contains", Global, 2, |args| {
        sets(args, |a, b| b.iter().all(|x| a.iter().any(|y| x.equals(y))))
    }),
    ("sets.intersects", Global, 2, |args| {
        sets(args, |a, b| b.iter().any(|x| a.iter().any(|y| x.equals(y))))
    }),
    ("sets.equivalent", Global, 2, |args| {
        sets(args, |a, b| {
            b.iter().all(|x| a.iter().any(|y| x.equals(y))) && a.iter().all(|x| b.iter().any(|y| x.equals(y)))
        })
    }),
    ("isIP", Global, 1, |args| {
        text1(args, |a| Val::Bool(parse_ip(a).is_some()))
    }),
    ("ip", Global, 1, to_ip),
    ("family", Member, 1, |args| {
        ip1(args, |ip| Val::Int(if ip.is_ipv4() { 4 } else { 6 }))
    }),
    ("isUnspecified", Member, 1, |args| {
        ip1(args, |ip| Val::Bool(ip.is_unspecified()))
    }),
    ("isLoopback", Member, 1, |args| {
        ip1(args, |ip| Val::Bool(ip.is_loopback()))
    }),
    ("isLinkLocalMulticast", Member, 1, |args| {
        ip1(args, |ip| Val::Bool(is_link_local_multicast(ip)))
    }),
    ("isLinkLocalUnicast", Member, 1, |args| {
        ip1(args, |ip| Val::Bool(is_link_local_unicast(ip)))
    }),
    ("isGlobalUnicast", Member, 1, |args| {
        ip1(args, |ip| Val::Bool(is_global_unicast(ip)))
    }),
    ("isCIDR", Global, 1, |args| {
        text1(args, |a| Val::Bool(parse_cidr(a).is_some()))
    }),
    ("cidr", Global, 1, to_cidr),
    ("containsIP", Member, 2, contains_ip),
    ("ip", Member, 1, |args| match args {
        [Val::Cidr(ip, _)] => Some(Ok(Val::Ip(*ip))),
        _ => None,
    }),
    ("prefixLength", Member, 1, |args| match args {
        [Val::Cidr(_, bits)] => Some(Ok(Val::Int(i64::from(*bits)))),
        _ => None,
    }),
    ("isURL", Global, 1, |args| text1(args, |a| Val::Bool(is_url(a)))),
    ("format.dns1123Label", Global, 0, |_| {
        Some(Ok(Val::Format(NamedFormat::Dns1123Label)))
    }),
    ("format.dns1123Subdomain", Global, 0, |_| {
        Some(Ok(Val::Format(NamedFormat::Dns1123Subdomain)))
    }),
    ("format.dns1035Label", Global, 0, |_| {
        Some(Ok(Val::Format(NamedFormat::Dns1035Label)))
    }),
    ("format.qualifiedName", Global, 0, |_| {
        Some(Ok(Val::Format(NamedFormat::QualifiedName)))
    }),
    ("format.labelValue", Global, 0, |_| {
        Some(Ok(Val::Format(NamedFormat::LabelValue)))
    }),
    ("format.uuid", Global, 0, |_| {
        Some(Ok(Val::Format(NamedFormat::Uuid)))
    }),
    ("format.byte", Global, 0, |_| {
        Some(Ok(Val::Format(NamedFormat::Byte)))
    }),
    ("format.date", Global, 0, |_| {
        Some(Ok(Val::Format(NamedFormat::Date)))
    }),
    ("format.datetime", Global, 0, |_| {
        Some(Ok(Val::Format(NamedFormat::DateTime)))
    }),
    ("format.named", Global, 1, |args| {
        text1(args, |a| {
            Val::Optional(NamedFormat::named(a).map(|format| Arc::new(Val::Format(format))))
        })
    }),
    ("validate", Member, 2, |args| match args {
        [Val::Format(format), Val::Str(text)] => Some(Ok(validate(*format, text))),
        _ => None,
    }),
    ("optional.of", Global, 1, |args| {
        Some(Ok(Val::some(args.first()?.clone())))
    }),
    ("optional.none", Global, 0, |_| Some(Ok(Val::Optional(None)))),
    ("hasValue", Member, 1, |args| match args {
        [Val::Optional(value)] => Some(Ok(Val::Bool(value.is_some()))),
        _ => None,
    }),
    ("value", Member, 1, |args| match args {
        [Val::Optional(Some(value))] => Some(Ok((**value).clone())),
        [Val::Optional(None)] => Some(Err(EvalError::new("optional.none() dereference"))),
        _ => None,
    }),
    ("orValue", Member, 2, |args| match args {
        [Val::Optional(Some(value)), _] => Some(Ok((**value).clone())),
        [Val::Optional(None), other] => Some(Ok(other.clone())),
        _ => None,
    }),
    ("or", Member, 2, |args| match args {
        [Val::Optional(None), other @ Val::Optional(_)] => Some(Ok(other.clone())),
        [first @ Val::Optional(Some(_)), Val::Optional(_)] => Some(Ok(first.clone())),
        _ => None,
    }),
];

/// An error of the function itself, unlike `None` for a missing overload.
#[allow(clippy::unnecessary_wraps)] // the type of every function's result
pub(super) fn fail<'a>(text: impl Into<Cow<'static, str>>) -> Option<Result<'a>> {
    Some(Err(EvalError::new(text)))
}

fn text1<'a>(args: &[Val<'a>], body: impl Fn(&str) -> Val<'a>) -> Option<Result<'a>> {
    match args {
        [Val::Str(a)] => Some(Ok(body(a))),
        _ => None,
    }
}

fn text2<'a>(args: &[Val<'a>], body: impl Fn(&str, &str) -> Val<'a>) -> Option<Result<'a>> {
    match args {
        [Val::Str(a), Val::Str(b)] => Some(Ok(body(a, b))),
        _ => None,
    }
}

fn ip1<'a>(args: &[Val<'a>], body: impl Fn(IpAddr) -> Val<'a>) -> Option<Result<'a>> {
    match args {
        [Val::Ip(ip)] => Some(Ok(body(*ip))),
        _ => None,
    }
}

fn size<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    let size = args.first()?.size()?;
    Some(Ok(Val::Int(i64::try_from(size).unwrap_or(i64::MAX))))
}

fn to_string<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    Some(Ok(match args.first()? {
        text @ Val::Str(_) => text.clone(),
        Val::Int(int) => Val::str(int.to_string()),
        Val::Uint(uint) => Val::str(uint.to_string()),
        Val::Double(double) => Val::str(double.to_string()),
        Val::Bool(flag) => Val::str(flag.to_string()),
        Val::Ip(ip) => Val::str(ip.to_string()),
        Val::Cidr(ip, bits) => Val::str(format!("{ip}/{bits}")),
        Val::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Val::str(text.to_owned()),
            Err(_) => return fail("invalid UTF-8 in bytes, cannot convert to string"),
        },
        _ => return None,
    }))
}

fn to_int<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    let int = match args.first()? {
        Val::Int(int) => Some(*int),
        Val::Uint(uint) => i64::try_from(*uint).ok(),
        Val::Double(double) if double.abs() < 9.2e18 => Some(*double as i64),
        Val::Str(text) => text.parse().ok(),
        Val::Timestamp(nanos) => i64::try_from(nanos.div_euclid(1_000_000_000)).ok(),
        Val::Double(_) => None,
        _ => return None,
    };
    Some(
        int.map(Val::Int)
            .ok_or_else(|| EvalError::new("cannot convert to int")),
    )
}

fn to_double<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    let double = match args.first()? {
        Val::Int(int) => Some(*int as f64),
        Val::Uint(uint) => Some(*uint as f64),
        Val::Double(double) => Some(*double),
        Val::Str(text) => text.parse().ok(),
        _ => return None,
    };
    Some(
        double
            .map(Val::Double)
            .ok_or_else(|| EvalError::new("cannot convert to double")),
    )
}

fn to_duration<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    match args.first()? {
        Val::Str(text) => Some(
            super::duration::parse(text)
                .map(Val::Duration)
                .ok_or_else(|| EvalError::new(format!("invalid duration: {text}"))),
        ),
        value @ Val::Duration(_) => Some(Ok(value.clone())),
        _ => None,
    }
}

fn to_timestamp<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    match args.first()? {
        Val::Str(text) => Some(
            super::duration::parse_timestamp(text)
                .map(Val::Timestamp)
                .ok_or_else(|| EvalError::new(format!("invalid timestamp: {text}"))),
        ),
        value @ Val::Timestamp(_) => Some(Ok(value.clone())),
        _ => None,
    }
}

fn is_sorted<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    let items = args.first()?.elements()?;
    for pair in items.windows(2) {
        if let [a, b] = pair
            && a.compare(b)? == std::cmp::Ordering::Greater
        {
            return Some(Ok(Val::Bool(false)));
        }
    }
    Some(Ok(Val::Bool(true)))
}

fn extreme<'a>(args: &[Val<'a>], wanted: std::cmp::Ordering) -> Option<Result<'a>> {
    let mut items = args.first()?.elements()?.into_iter();
    let Some(mut best) = items.next() else {
        return fail("min and max of an empty list");
    };
    for item in items {
        if item.compare(&best)? == wanted {
            best = item;
        }
    }
    Some(Ok(best))
}

fn sum<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    let mut total = Val::Int(0);
    for item in args.first()?.elements()? {
        total = match (&total, &item) {
            (Val::Int(a), Val::Int(b)) => match a.checked_add(*b) {
                Some(sum) => Val::Int(sum),
                None => return fail("integer overflow"),
            },
            (Val::Int(0), other @ (Val::Double(_) | Val::Duration(_))) => other.clone(),
            (Val::Double(a), Val::Double(b)) => Val::Double(a + b),
            (Val::Duration(a), Val::Duration(b)) => match a.checked_add(*b) {
                Some(sum) => Val::Duration(sum),
                None => return fail("duration overflow"),
            },
            _ => return None,
        };
    }
    Some(Ok(total))
}

fn sets<'a>(args: &[Val<'a>], holds: impl Fn(&[Val<'a>], &[Val<'a>]) -> bool) -> Option<Result<'a>> {
    match args {
        [a, b] if a.type_name() == "list" && b.type_name() == "list" => {
            Some(Ok(Val::Bool(holds(&a.elements()?, &b.elements()?))))
        }
        _ => None,
    }
}

fn validate<'a>(format: NamedFormat, text: &str) -> Val<'a> {
    let problems = format.problems(text);
    if problems.is_empty() {
        return Val::Optional(None);
    }
    Val::some(Val::list(problems.into_iter().map(Val::str).collect()))
}

/// Standard base64 as Go decodes `[]byte` fields.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
