//! `X-Amzn-Trace-Id`.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html>: without the
//! header, or without a `Root` in it, one with a `Root` is made; with a `Root` a `Self` is put before it, in place of
//! one that is there; other fields stay. Fields are `Field=version-time-id`.

/// The header's value for a request that came at `now` (seconds since the epoch); `id` is random.
pub(super) fn trace_id(came: Option<&str>, now: u64, id: u128) -> String {
    let fresh = format!("1-{now:08x}-{:024x}", id & ((1 << 96) - 1));
    let fields: Vec<&str> = came
        .unwrap_or_default()
        .split(';')
        .map(str::trim)
        .filter(|field| !field.is_empty() && !starts(field, "self="))
        .collect();
    if !fields.iter().any(|field| starts(field, "root=")) {
        let mut made = vec![format!("Root={fresh}")];
        made.extend(fields.into_iter().map(str::to_owned));
        return made.join(";");
    }
    format!("Self={fresh};{}", fields.join(";"))
}

fn starts(field: &str, name: &str) -> bool {
    field
        .get(..name.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::trace_id;

    const ID: u128 = 0x0012_3456_789a_bcde_f012_3456_78ab;
    #[test]
    fn examples_of_the_page() {
        let of = |came: Option<&str>| trace_id(came, 0x6789_1234, ID);
        let made = of(None);
        let fresh = made.strip_prefix("Root=").unwrap();
        assert_eq!(fresh, "1-67891234-3456789abcdef012345678ab");
        let root = "Root=1-67891233-abcdef012345678912345678";
        assert_eq!(of(Some(root)), format!("Self={fresh};{root}"));
        let app = format!("{root};CalledFrom=app");
        assert_eq!(of(Some(&app)), format!("Self={fresh};{app}"));
        // A `Self` that is there is updated.
        assert_eq!(
            of(Some(&format!("Self=1-1-2;{root}"))),
            format!("Self={fresh};{root}")
        );
        // Without a `Root`, other fields are kept beside a new one.
        assert_eq!(of(Some("CalledFrom=app")), format!("Root={fresh};CalledFrom=app"));
    }
}
