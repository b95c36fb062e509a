//! Functions of text: regular expressions, and the parts of strings (the extension library of strings). The
//! position of an element in a list is here too, for it has the same name.

use super::super::eval::EvalError;
use super::super::value::Val;
use super::{Result, fail};

pub(super) fn matches<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    with_regex(args, |regex, text| Val::Bool(regex.is_match(text)))
}

pub(super) fn find_match<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    with_regex(args, |regex, text| {
        Val::str(
            regex
                .find(text)
                .map_or_else(String::new, |found| found.as_str().to_owned()),
        )
    })
}

pub(super) fn find_all<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    with_regex(args, |regex, text| {
        Val::list(
            regex
                .find_iter(text)
                .map(|found| Val::str(found.as_str().to_owned()))
                .collect(),
        )
    })
}

fn with_regex<'a>(args: &[Val<'a>], body: impl Fn(&regex::Regex, &str) -> Val<'a>) -> Option<Result<'a>> {
    match args {
        [Val::Str(text), Val::Str(pattern)] => Some(match crate::schema::compile_pattern(pattern) {
            Ok(regex) => Ok(body(&regex, text)),
            Err(error) => Err(EvalError::new(error)),
        }),
        _ => None,
    }
}

fn offset(value: &Val<'_>, length: usize) -> Option<usize> {
    match value {
        Val::Int(int) => usize::try_from(*int).ok().filter(|offset| *offset <= length),
        _ => None,
    }
}

pub(super) fn char_at<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    match args {
        [Val::Str(text), index @ Val::Int(_)] => match offset(index, text.chars().count()) {
            Some(at) => Some(Ok(Val::str(
                text.chars().nth(at).map(String::from).unwrap_or_default(),
            ))),
            None => fail("index out of range"),
        },
        _ => None,
    }
}

pub(super) fn substring<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    let (text, from, to) = match args {
        [Val::Str(text), from @ Val::Int(_)] => (text, from, None),
        [Val::Str(text), from @ Val::Int(_), to @ Val::Int(_)] => (text, from, Some(to)),
        _ => return None,
    };
    let length = text.chars().count();
    let from = offset(from, length);
    let to = to.map_or(Some(length), |to| offset(to, length));
    match (from, to) {
        (Some(from), Some(to)) if from <= to => Some(Ok(Val::str(
            text.chars().skip(from).take(to - from).collect::<String>(),
        ))),
        _ => fail("substring indices out of range"),
    }
}

pub(super) fn index_of<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    position(
        args,
        |text, part| text.find(part),
        |items, item| items.iter().position(|x| x.equals(item)),
    )
}

pub(super) fn last_index_of<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    position(
        args,
        |text, part| text.rfind(part),
        |items, item| items.iter().rposition(|x| x.equals(item)),
    )
}

fn position<'a>(
    args: &[Val<'a>],
    in_text: impl Fn(&str, &str) -> Option<usize>,
    in_list: impl Fn(&[Val<'a>], &Val<'a>) -> Option<usize>,
) -> Option<Result<'a>> {
    let found = match args {
        [Val::Str(text), Val::Str(part)] => {
            in_text(text, part).map(|at| text.get(..at).unwrap_or_default().chars().count())
        }
        [list, item] if list.type_name() == "list" => in_list(&list.elements()?, item),
        _ => return None,
    };
    Some(Ok(Val::Int(
        found.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1),
    )))
}

pub(super) fn split<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    let (text, separator, limit) = match args {
        [Val::Str(text), Val::Str(separator)] => (text, separator, -1),
        [Val::Str(text), Val::Str(separator), Val::Int(limit)] => (text, separator, *limit),
        _ => return None,
    };
    let parts: Vec<Val<'a>> = match limit {
        0 => Vec::new(),
        // Go's strings.Split: an empty separator splits after each character.
        _ if separator.is_empty() => text.chars().map(|c| Val::str(c.to_string())).collect(),
        limit if limit < 0 => text
            .split(&**separator)
            .map(|part| Val::str(part.to_owned()))
            .collect(),
        limit => text
            .splitn(usize::try_from(limit).unwrap_or(usize::MAX), &**separator)
            .map(|part| Val::str(part.to_owned()))
            .collect(),
    };
    Some(Ok(Val::list(parts)))
}

pub(super) fn join<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    let separator = match args.get(1) {
        None => "",
        Some(Val::Str(separator)) => separator,
        Some(_) => return None,
    };
    let items = args.first()?.elements()?;
    let mut parts = Vec::with_capacity(items.len());
    for item in &items {
        match item {
            Val::Str(text) => parts.push(text.as_ref()),
            _ => return None,
        }
    }
    Some(Ok(Val::str(parts.join(separator))))
}
