//! Durations as Go prints them (`1h2m3.5s`, `1.5ms`), since Jaeger's warnings carry them and scripts read those.

/// The text of so many nanoseconds (ns), negative ones too.
#[must_use]
pub fn go_duration_text(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let text = match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(nanos, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(nanos, 1_000_000)),
        _ => long(nanos),
    };
    format!("{sign}{text}")
}

/// From one second on: hours and minutes in front, as far as there are any.
fn long(nanos: u128) -> String {
    const MINUTE: u128 = 60_000_000_000;
    let (minutes, rest) = (nanos / MINUTE, nanos % MINUTE);
    let seconds = decimal(rest, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// `amount` in units of `unit` (a power of ten), without zeros at the end.
fn decimal(amount: u128, unit: u128) -> String {
    let (whole, fraction) = (amount / unit, amount % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_durations_as_go_does() {
        let known = [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (-1_500_000, "-1.5ms"),
            (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (3_600_000_000_000, "1h0m0s"),
            (480_000_000_001, "8m0.000000001s"),
            (i128::from(i64::MAX), "2562047h47m16.854775807s"),
        ];
        for (nanos, text) in known {
            assert_eq!(go_duration_text(nanos), text);
        }
    }
}
