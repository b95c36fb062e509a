//! Durations and timestamps as CEL reads them.

/// Go's `time.ParseDuration`, in nanoseconds: `1h30m`, `1.5s`, `-2ms`, `0`.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || number.len() > 40 {
            return None;
        }
        let mut nanos = if whole.is_empty() {
            0
        } else {
            whole.parse::<i128>().ok()?.checked_mul(scale)?
        };
        let mut part = scale;
        for digit in fraction.bytes() {
            part /= 10;
            nanos = nanos.checked_add(part * i128::from(digit.checked_sub(b'0')?))?;
        }
        total = total.checked_add(nanos)?;
        rest = tail;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// RFC 3339, in nanoseconds since the epoch.
pub(crate) fn parse_timestamp(text: &str) -> Option<i128> {
    if !crate::schema::format::string_has_format(text, "date-time") {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let rest = text.get(19..)?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let mut nanos: i128 = 0;
    let mut scale: i128 = 100_000_000;
    for digit in fraction.trim_start_matches('.').bytes().take(9) {
        nanos += i128::from(digit.checked_sub(b'0')?) * scale;
        scale /= 10;
    }
    let offset = match zone.as_bytes().first()? {
        b'Z' | b'z' => 0,
        sign => {
            let seconds =
                zone.get(1..3)?.parse::<i64>().ok()? * 3600 + zone.get(4..6)?.parse::<i64>().ok()? * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
    };
    // Days since the epoch of a date of the proleptic Gregorian calendar, with years that start in March.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    Some(i128::from(seconds) * 1_000_000_000 + nanos)
}
